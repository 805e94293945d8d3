/**
 * Compares the tracker with others, from their npm packages, and keeps README.md's table.
 *
 *     node compare.mjs [NAME …]     unpacks the pinned packages (compare/trackers.mjs) into temporary folders, visits a page with
 *                                   each in Chromium, writes compare/measured.json and the table; with names, these alone
 *     node compare.mjs --readme     writes the table anew from what was measured and today's build
 *     node compare.mjs --check      fails when the table is not what those give; needs no network
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPackage, readScripts } from "./compare/rows.mjs";
import { ownSizes, readMeasured, table, withTable } from "./compare/table.mjs";
import { TRACKERS } from "./compare/trackers.mjs";
import { visit } from "./compare/visit.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [option] = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const names = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

/** A package's own files and nothing it depends on: what a page loads is bundled in them. */
function unpack(folder, tracker) {
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", `${tracker.package}@${tracker.version}`, "--json", "--ignore-scripts"], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] }));
  execFileSync("tar", ["xzf", filename, "--strip-components=1", "--one-top-level=package"], { cwd: folder });
  return join(folder, "package");
}

async function measure(tracker) {
  const folder = await mkdtemp(join(tmpdir(), "ariane-compare-"));
  try {
    const root = tracker.package ? unpack(folder, tracker) : here(".");
    const { code, loaded, ...seen } = await visit(tracker, tracker.package ? join(root, tracker.folder) : tracker.folder);
    const start = loaded.find(({ file }) => file === tracker.start).bytes;
    const everything = loaded.reduce((sum, { bytes }) => sum + bytes, 0);
    const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const sizes = tracker.package ? { start, everything } : undefined; // our own are those of the build at hand
    return { package: tracker.package, version: tracker.package && tracker.version, sizes, loaded: loaded.map(({ file }) => file), ...seen, read: { ...readScripts(code), ...readPackage(manifest) } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (!option) {
  const trackers = names.length ? (await readMeasured()).trackers : {};
  for (const tracker of TRACKERS.filter(({ name }) => !names.length || names.includes(name))) {
    trackers[tracker.name] = await measure(tracker);
    console.log(tracker.name, trackers[tracker.name]);
  }
  const measured = new Date().toLocaleString("en", { month: "long", year: "numeric", timeZone: "UTC" });
  await writeFile(here("compare/measured.json"), `${JSON.stringify({ measured, trackers }, null, 2)}\n`);
}

const block = table(await readMeasured(), await ownSizes());
const readme = await readFile(here("README.md"), "utf8");
const fresh = withTable(readme, block);
if (option !== "--check") {
  await writeFile(here("README.md"), fresh);
  console.log(block);
} else if (fresh !== readme) {
  console.error("README.md's comparison is stale: run `node compare.mjs --readme`");
  process.exitCode = 1;
}
