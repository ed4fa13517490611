// Compares the manifests of a pull request with those of its base, and keeps one comment on it that says what opens and
// closes. Everything comes by environment, as action.yml sets it and GitHub's runner does.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The first line of our comment, by which it is found again. */
const MARK = "<!-- star-policy -->";
/** GitHub refuses comments that are longer. */
const MOST = 65_536;
/** Comments are asked for by the hundred, up to this many hundreds. */
const PAGES = 30;

const { env } = process;

/** @param {string} program @param {string[]} args */
function run(program, args) {
  const told = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (told.error) throw new Error(`${program} cannot be run: ${told.error.message}`);
  return told;
}

/** @param {string[]} args */
function git(...args) {
  const told = run("git", args);
  if (told.status !== 0) throw new Error(`git ${args[0]}: ${told.stderr.trim()}`);
}

/** @param {string[]} args */
function starPolicy(...args) {
  const told = run(env.STAR_POLICY || "star-policy", args);
  process.stderr.write(told.stderr);
  if (told.status !== 0 && told.status !== 1) throw new Error(`star-policy ${args[0]} failed: ${told.stderr.trim()}`);
  return told;
}

/** One call of GitHub's API. @param {string} method @param {string} path @param {object} [body] */
async function api(method, path, body) {
  const answer = await fetch(`${env.GITHUB_API_URL}/repos/${env.GITHUB_REPOSITORY}${path}`, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${env.TOKEN}`,
      "x-github-api-version": "2022-11-28",
      ...(body && { "content-type": "application/json" }),
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${(await answer.text()).slice(0, 200)}`);
  return answer.json();
}

/** Our comment's id, if there is one. @param {number} number */
async function ours(number) {
  for (let page = 1; page <= PAGES; page++) {
    const comments = await api("GET", `/issues/${number}/comments?per_page=100&page=${page}`);
    // Anybody can write our mark; only what this token may have written is changed.
    const own = comments.find((comment) => comment.body?.startsWith(MARK) && comment.user?.type === "Bot");
    if (own) return own.id;
    if (comments.length < 100) return undefined;
  }
  return undefined;
}

/** The manifests of the base, in a worktree of their own. @param {string} sha @param {string} folder */
function base(sha, folder) {
  if (run("git", ["cat-file", "-e", `${sha}^{commit}`]).status !== 0) git("fetch", "--no-tags", "--depth=1", "origin", sha);
  git("worktree", "add", "--detach", "--force", folder, sha);
  const manifests = join(folder, env.MANIFESTS);
  if (existsSync(manifests)) return manifests;
  // Manifests that are new were nothing before.
  const none = join(folder, ".star-policy-nothing.yaml");
  writeFileSync(none, "");
  return none;
}

/** How many lines a section of the report has. @param {string} report @param {string} title */
const count = (report, title) => Number(report.match(new RegExp(`^### ${title} \\((\\d+)\\)$`, "m"))?.[1] ?? 0);

/** The file that the runner reads, if it gave one. @param {string | undefined} file @param {string} text */
const tell = (file, text) => file && appendFileSync(file, text);

async function main() {
  const event = JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, "utf8"));
  const pull = event.pull_request;
  if (!pull) throw new Error("this is no event of a pull request: use it on: pull_request");
  const temporary = mkdtempSync(join(env.RUNNER_TEMP || tmpdir(), "star-policy-"));
  const folder = join(temporary, "base");
  const flags = ["-n", env.NAMESPACE || "default", "--ipblock-pods", env.IPBLOCK_PODS || "undecided"];
  let report, lint;
  try {
    mkdirSync(temporary, { recursive: true });
    report = starPolicy("diff", base(pull.base.sha, folder), env.MANIFESTS, ...flags, "-o", "markdown");
    lint = starPolicy("lint", "-f", env.MANIFESTS, ...flags, "-o", "github");
  } finally {
    run("git", ["worktree", "remove", "--force", folder]);
    rmSync(temporary, { recursive: true, force: true });
  }
  // Paths of the base would change with every run.
  const text = report.stdout.replaceAll(`${folder}/`, "base: ");
  process.stdout.write(lint.stdout);
  const body = `${MARK}\n## What this pull request opens and closes\n\n${text}`.slice(0, MOST);
  tell(env.GITHUB_STEP_SUMMARY, `${body}\n`);
  tell(env.GITHUB_OUTPUT, `opens=${count(text, "Opens")}\ncloses=${count(text, "Closes")}\n`);
  try {
    const id = await ours(pull.number);
    if (id !== undefined) await api("PATCH", `/issues/comments/${id}`, { body });
    else if (report.status === 1) await api("POST", `/issues/${pull.number}/comments`, { body });
  } catch (error) {
    // The token of a fork's pull request may write no comment; the summary has it all the same.
    console.log(`::warning title=star-policy::no comment was written: ${error.message.replace(/[\r\n]+/g, " ")}`);
  }
  const failing = (env.FAIL_ON || "").split(/[\s,]+/);
  if (failing.includes("opens") && count(text, "Opens") > 0) throw new Error("something opens, as the summary says");
  if (failing.includes("lint") && lint.status === 1) throw new Error("lint found mistakes, as the annotations say");
}

main().catch((error) => {
  console.log(`::error title=star-policy::${error.message.replaceAll("%", "%25").replace(/\r?\n/g, "%0A")}`);
  process.exitCode = 1;
});
