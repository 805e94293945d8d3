/**
 * Builds the tracker.
 *
 *     node build.mjs            collector/static/tracker.js and dist/ariane.mjs
 *     node build.mjs --check    fails when the committed bundle is not what the sources give, or a size is over budget
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundleCore, bundleModule, bundleScript } from "./bundle.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const bundlePath = join(here, "../collector/static/tracker.js");
const modulePath = join(here, "dist/ariane.mjs");
// Gzipped bytes at level 9. The core is the bundle without src/extras; 4,096 is where it should get once the ways out of
// rare trouble (no IndexedDB, no Web Locks, no fetch, a poisonous event) are loaded when that trouble comes.
const BUDGET = { core: 6450, everything: 8192 };
const CORE_GOAL = 4096;

const [everything, core, module] = await Promise.all([bundleScript(), bundleCore(), bundleModule()]);
const sizes = { core: gzipSync(core, { level: 9 }).length, everything: gzipSync(everything, { level: 9 }).length };
const problems = [];
for (const [part, bytes] of Object.entries(sizes)) {
  console.log(`${part}: ${bytes} bytes gzipped, budget ${BUDGET[part]}`);
  if (bytes > BUDGET[part]) problems.push(`${part} is ${bytes - BUDGET[part]} bytes over its budget`);
}

if (process.argv.includes("--check")) {
  const committed = await readFile(bundlePath, "utf8").catch(() => "");
  if (committed !== everything) problems.push("collector/static/tracker.js is not what the sources give: run `node build.mjs`");
} else {
  await mkdir(dirname(bundlePath), { recursive: true });
  await mkdir(dirname(modulePath), { recursive: true });
  await writeFile(bundlePath, everything);
  await writeFile(modulePath, module);
}

if (sizes.core > CORE_GOAL) console.log(`core: ${sizes.core - CORE_GOAL} bytes above its goal of ${CORE_GOAL}`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length ? 1 : 0;
