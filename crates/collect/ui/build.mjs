/**
 * Bundles the page into dist/, byte for byte the same from the same sources and the same package-lock.json.
 *
 *   node build.mjs            writes dist/
 *   node build.mjs --check    fails if dist/ is not what the sources make
 *   node build.mjs --test     bundles the tests into .test/, for node --test
 *   node build.mjs --bench    bundles what e2e/bench.js measures by itself into .test/bench.js
 */

import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
const common = { absWorkingDir: root, bundle: true, target: 'es2022', jsx: 'automatic', jsxImportSource: 'preact', charset: 'utf8', legalComments: 'none', logLevel: 'warning', metafile: true };

/** @param {string} text @param {'hex' | 'base64'} form */
const sha256 = (text, form) => createHash('sha256').update(text).digest(form);

/** The page's files by name. */
async function page() {
  const [script, style, html] = await Promise.all([
    build({ ...common, entryPoints: ['src/main.tsx'], format: 'esm', minify: true, write: false }),
    build({ ...common, entryPoints: ['src/style.css'], minify: true, write: false }),
    readFile(join(root, 'src/index.html'), 'utf8'),
  ]);
  const [code, rules] = [script.outputFiles[0].text, style.outputFiles[0].text.trimEnd()];
  const name = `page-${sha256(code, 'hex').slice(0, 16)}.js`;
  // The style goes into the document: a request less before the first picture.
  const index = html.replace('{style}', () => rules).replace('{script}', name);
  return {
    'index.html': index,
    'page.js': code,
    'licenses.txt': await licenses(Object.keys(script.metafile.inputs)),
    'files.rs': [
      '// Made by crates/collect/ui/build.mjs.',
      `/// The name under which \`page.js\` is served: another content has another name.`,
      `pub(super) const SCRIPT: &str = "${name}";`,
      '/// What a Content-Security-Policy says of the style in `index.html`.',
      `pub(super) const STYLE_HASH: &str = "'sha256-${sha256(rules, 'base64')}'";`,
      '/// The entity tag of `index.html`; weak, for it may be compressed on its way.',
      `pub(super) const INDEX_TAG: &str = "W/\\"${sha256(index, 'hex').slice(0, 16)}\\"";`,
      '',
    ].join('\n'),
  };
}

/** The licences of what is bundled, with the versions. @param {string[]} inputs */
async function licenses(inputs) {
  const names = [...new Set(inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter((name) => name !== undefined))].sort();
  const texts = await Promise.all(names.map(async (name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
    return `${name} ${version} (${license})\n\n${file ? (await readFile(join(folder, file), 'utf8')).trim() : ''}\n`;
  }));
  return `The page (page.js) contains the following packages.\n\n${texts.join('\n----\n\n')}`;
}

async function test() {
  const sources = (await readdir(join(root, 'src'), { recursive: true })).filter((name) => /\.test\.tsx?$/.test(name)).sort();
  await rm(join(root, '.test'), { recursive: true, force: true });
  await build({
    ...common, entryPoints: sources.map((name) => `src/${name}`), format: 'esm', platform: 'node', outdir: '.test', sourcemap: 'inline', outExtension: { '.js': '.mjs' },
  });
}

const bench = () => build({ ...common, entryPoints: ['src/bench.ts'], format: 'esm', minify: true, outfile: '.test/bench.js' });

async function check(files) {
  const stale = [];
  for (const [name, text] of Object.entries(files)) {
    if (await readFile(join(root, 'dist', name), 'utf8').catch(() => null) !== text) stale.push(name);
  }
  for (const name of await readdir(join(root, 'dist'))) if (!(name in files)) stale.push(name);
  if (stale.length) {
    console.error(`crates/collect/ui/dist is not what its sources make (${stale.join(', ')}): npm --prefix crates/collect/ui ci && npm --prefix crates/collect/ui run build`);
    process.exit(1);
  }
}

if (process.argv.includes('--test')) await test();
else if (process.argv.includes('--bench')) await bench();
else if (process.argv.includes('--check')) await check(await page());
else {
  await mkdir(join(root, 'dist'), { recursive: true });
  for (const [name, text] of Object.entries(await page())) await writeFile(join(root, 'dist', name), text);
}
