// The action's script on a real repository and the real star-policy, with a stand-in for GitHub's API.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const program = resolve(here, "../../../target/debug/star-policy");

const POD = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {}}\n";
const policy = (cidr) =>
  `---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: ${cidr}}}]}]}}\n`;

/** A repository of two commits: the manifests of the base, if any, and those of the pull request. */
function repository(before, after) {
  const root = mkdtempSync(join(tmpdir(), "star-action-"));
  const git = (...args) => execFileSync("git", ["-C", root, "-c", "user.name=t", "-c", "user.email=t@t", ...args], { encoding: "utf8" }).trim();
  git("init", "-q");
  const commit = (text) => {
    writeFileSync(join(root, "other.txt"), String(text?.length));
    if (text !== undefined) {
      mkdirSync(join(root, "k8s"), { recursive: true });
      writeFileSync(join(root, "k8s/all.yaml"), text);
    }
    git("add", "-A");
    git("commit", "-qm", "c", "--allow-empty");
    return git("rev-parse", "HEAD");
  };
  const base = commit(before);
  commit(after);
  return { root, base, git };
}

/** Runs the script; `comments` are what the API lists, and `status` what it answers to a change. */
async function run({ before, after, comments = [], status = 200, env = {} }) {
  const { root, base, git } = repository(before, after);
  const calls = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      calls.push({ method: request.method, url: request.url, token: request.headers.authorization, body: body && JSON.parse(body).body });
      const page = Number(new URL(request.url, "http://x").searchParams.get("page"));
      response.writeHead(request.method === "GET" ? 200 : status, { "content-type": "application/json" });
      response.end(JSON.stringify(request.method === "GET" ? comments.slice((page - 1) * 100, page * 100) : {}));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const event = readFileSync(join(here, "event.json"), "utf8").replace("BASE", base);
  const file = (name, text) => {
    writeFileSync(join(root, ".git", name), text);
    return join(root, ".git", name);
  };
  const [summary, output] = [file("summary", ""), file("output", "")];
  const child = spawn("node", [join(here, "policy.mjs")], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      STAR_POLICY: program,
      MANIFESTS: "k8s",
      TOKEN: "secret",
      GITHUB_API_URL: `http://127.0.0.1:${server.address().port}`,
      GITHUB_REPOSITORY: "acme/shop",
      GITHUB_EVENT_PATH: file("event.json", event),
      GITHUB_STEP_SUMMARY: summary,
      GITHUB_OUTPUT: output,
      ...env,
    },
  });
  let stdout = "";
  child.stdout.on("data", (part) => (stdout += part));
  const code = await new Promise((done) => child.on("close", done));
  server.close();
  const read = (path) => readFileSync(path, "utf8");
  const result = { code, stdout, calls, summary: read(summary), output: read(output), worktrees: git("worktree", "list").split("\n").length };
  rmSync(root, { recursive: true });
  return result;
}

const wider = { before: POD + policy("10.20.0.0/16"), after: POD + policy("0.0.0.0/0") };
const mine = (id, type = "Bot") => ({ id, user: { type }, body: "<!-- star-policy -->\nold" });

test("what opens is posted as a comment with the rule that says so", async () => {
  const { code, calls, summary, output, worktrees } = await run(wider);
  assert.equal(code, 0);
  assert.deepEqual(calls.map(({ method, url }) => `${method} ${url}`), [
    "GET /repos/acme/shop/issues/7/comments?per_page=100&page=1",
    "POST /repos/acme/shop/issues/7/comments",
  ]);
  assert.equal(calls[1].token, "Bearer secret");
  const { body } = calls[1];
  assert.match(body, /^<!-- star-policy -->\n/);
  assert.match(body, /### Opens \(1\)/);
  assert.match(body, /0\.0\.0\.0\/0 except 10\.20\.0\.0\/16 -&gt; shop\/web \| All Connections \| rule 1 of shop\/p \(k8s\/all\.yaml:/);
  assert.equal(summary, `${body}\n`);
  assert.match(output, /opens=1\ncloses=0\n/);
  assert.equal(worktrees, 1);
});

test("the comment is updated in place, also on a later page, and a stranger's is left alone", async () => {
  const others = Array.from({ length: 120 }, (_, id) => ({ id, user: { type: "User" }, body: "hello" }));
  const { calls } = await run({ ...wider, comments: [mine(1, "User"), ...others, mine(4711)] });
  assert.deepEqual(calls.map(({ method }) => method), ["GET", "GET", "PATCH"]);
  assert.equal(calls[2].url, "/repos/acme/shop/issues/comments/4711");
});

test("where nothing changes no comment is written, and one that is there says so", async () => {
  const same = { before: wider.before, after: wider.before };
  assert.deepEqual((await run(same)).calls.map(({ method }) => method), ["GET"]);
  const { calls } = await run({ ...same, comments: [mine(5)] });
  assert.match(calls[1].body, /No edge opens or closes\./);
});

test("manifests that are new were nothing before", async () => {
  const { code, calls } = await run({ after: POD });
  assert.equal(code, 0);
  assert.match(calls[1].body, /everyone outside -&gt; shop\/web/);
});

test("a comment of a great change stays under GitHub's limit", async () => {
  const pods = (from, to) => Array.from({ length: 60 }, (_, at) => `---\n${POD.replace("name: web", `name: web${at}`).replace("app: web", `app: w${at}`)}`).slice(from, to).join("");
  const { calls, summary } = await run({ before: POD, after: pods(0, 60) });
  const { body } = calls.at(-1);
  assert.ok(body.length <= 65_536 && body.length > 30_000, String(body.length));
  assert.match(body, /more lines do not fit here/);
  assert.equal(summary, `${body}\n`);
});

test("mistakes become annotations, and fail the step where that is asked for", async () => {
  const after = `${POD}---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}, spec: {podSelector: {matchLabels: {app: wep}}}}\n`;
  const gentle = await run({ before: POD, after });
  assert.equal(gentle.code, 0);
  assert.match(gentle.stdout, /^::warning file=k8s\/all\.yaml,line=3,col=1,title=selects-nothing::/m);
  const strict = await run({ before: POD, after, env: { FAIL_ON: "lint" } });
  assert.equal(strict.code, 1);
  assert.equal((await run({ ...wider, env: { FAIL_ON: "opens, lint" } })).code, 1);
});

test("a token that may not write costs the comment alone", async () => {
  const { code, stdout, summary } = await run({ ...wider, status: 403 });
  assert.equal(code, 0);
  assert.match(stdout, /^::warning title=star-policy::no comment was written: POST .*403/m);
  assert.match(summary, /### Opens \(1\)/);
});

test("manifests that cannot be read fail the step and say why", async () => {
  const { code, stdout, calls } = await run({ before: POD, after: "a: [1" });
  assert.equal(code, 1);
  assert.match(stdout, /^::error title=star-policy::star-policy diff failed/m);
  assert.deepEqual(calls, []);
});
