/**
 * Builds the tracker.
 *
 *     node build.mjs            collector/static/tracker.js and tracker-extras.js, dist/ for npm
 *     node build.mjs --check    fails when the committed bundles are not what the sources give, or a size is over budget
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundlePackage, bundleScript } from "./bundle.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const scriptFolder = join(here, "../collector/static");
const moduleFolder = join(here, "dist");
// Gzipped bytes at level 9: what a page needs at once, and both files together.
const BUDGET = { core: 4096, everything: 8192 };

const scripts = await bundleScript();
const gzipped = (name) => gzipSync(scripts[name], { level: 9 }).length;
const sizes = { core: gzipped("tracker.js"), everything: gzipped("tracker.js") + gzipped("tracker-extras.js") };
const problems = [];
for (const [part, bytes] of Object.entries(sizes)) {
  console.log(`${part}: ${bytes} bytes gzipped, budget ${BUDGET[part]}`);
  if (bytes > BUDGET[part]) problems.push(`${part} is ${bytes - BUDGET[part]} bytes over its budget`);
}

if (process.argv.includes("--check")) {
  for (const [name, text] of Object.entries(scripts)) {
    const committed = await readFile(join(scriptFolder, name), "utf8").catch(() => "");
    if (committed !== text) problems.push(`collector/static/${name} is not what the sources give: run \`node build.mjs\``);
  }
} else {
  await mkdir(scriptFolder, { recursive: true });
  // Whatever lies in dist/ is published.
  await rm(moduleFolder, { recursive: true, force: true });
  await mkdir(moduleFolder, { recursive: true });
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(scriptFolder, name), text);
  for (const [name, text] of Object.entries(await bundlePackage(scripts))) await writeFile(join(moduleFolder, name), text);
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length ? 1 : 0;
