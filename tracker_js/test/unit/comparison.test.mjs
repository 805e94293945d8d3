import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { READ, readScripts } from "../../compare/rows.mjs";
import { ownSizes, readMeasured, table, withTable } from "../../compare/table.mjs";
import { TRACKERS } from "../../compare/trackers.mjs";

const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
const measured = await readMeasured();

test("README's comparison is that of the committed build and of what was measured", async () => {
  const sizes = await ownSizes();
  assert.equal(withTable(readme, table(measured, sizes)), readme, "run `node compare.mjs --readme`");
  assert.notEqual(withTable(readme, table(measured, { ...sizes, start: sizes.start + 200 })), readme);
});

test("README's sizes hold for the committed build", async () => {
  const [, start, everything] = /`t\.js`, at most ([\d,]+) bytes gzipped.*?at most\s+([\d,]+) bytes/s.exec(readme).map((text) => Number(text.replace(/,/g, "")));
  const sizes = await ownSizes();
  assert.ok(sizes.start <= start && sizes.everything <= everything, JSON.stringify(sizes));
});

test("every tracker was measured in the version it is pinned to", () => {
  assert.deepEqual(Object.keys(measured.trackers), TRACKERS.map(({ name }) => name));
  for (const { name, package: named, version } of TRACKERS) assert.deepEqual([measured.trackers[name].package, measured.trackers[name].version], [named, version]);
});

test("what is read from our own scripts is what the committed build says", async () => {
  const scripts = await Promise.all(["tracker.js", "tracker-extras.js"].map((name) => readFile(new URL(`../../../collector/static/${name}`, import.meta.url), "utf8")));
  const found = readScripts(scripts.join("\n"));
  for (const row of Object.keys(READ)) assert.equal(measured.trackers.Ariane.read[row], found[row], row);
});
