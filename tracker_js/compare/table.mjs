/** The comparison as README.md shows it, from what was measured and the sizes of the committed build. */
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { READ } from "./rows.mjs";

export const START = "<!-- comparison: `node compare.mjs` writes what stands between these lines -->";
export const END = "<!-- /comparison -->";

const here = (path) => new URL(path, import.meta.url);
const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
const said = (value) => (value === true ? "yes" : value === false ? "–" : value);

/** What was measured: `{measured, trackers: {name: {version, loaded, …}}}`. */
export const readMeasured = async () => JSON.parse(await readFile(here("measured.json"), "utf8"));

/** Gzipped bytes of what the tag loads, as committed: `{start, everything}`. */
export async function ownSizes() {
  const [core, extras] = await Promise.all(
    ["tracker.js", "tracker-extras.js"].map(async (name) => gzipSync(await readFile(here(`../../collector/static/${name}`)), { level: 9 }).length),
  );
  return { start: core, everything: core + extras };
}

const ROWS = {
  "loaded at the start": (tracker) => kilobytes(tracker.sizes.start),
  "loaded in all": (tracker) => kilobytes(tracker.sizes.everything),
  "page view of the first page": (tracker) => said(tracker.pageView),
  "page view when the route changes": (tracker) => said(tracker.routeChange),
  "event of a page that could not send it arrives with the next visit": (tracker) => said(tracker.kept),
  "`identify`": (tracker) => said(tracker.functions.includes("identify")),
  "`group`": (tracker) => said(tracker.functions.includes("group")),
  "`alias`": (tracker) => said(tracker.functions.includes("alias")),
  ...Object.fromEntries([...Object.keys(READ), "TypeScript types in the package", "licence"].map((row) => [row, (tracker) => tracker.read[row]])),
};

export function table({ trackers, measured }, own) {
  const all = Object.entries(trackers).map(([name, tracker]) => [name, { ...tracker, sizes: name === "Ariane" ? own : tracker.sizes }]);
  const lines = [
    ["", ...all.map(([name]) => name)],
    all.map(() => "---").concat("---"),
    ...Object.entries(ROWS).map(([row, cell]) => [row, ...all.map(([, tracker]) => cell(tracker))]),
  ];
  const packages = all.filter(([, tracker]) => tracker.package).map(([, tracker]) => `\`${tracker.package}\` ${tracker.version}`);
  return [...lines.map((cells) => `| ${cells.join(" | ")} |`.replace("|  |", "| |")), "", `Measured in ${measured}: ${packages.join(", ")}.`].join("\n");
}

/** README's text with the table put in its place. */
export function withTable(readme, block) {
  const [from, to] = [readme.indexOf(START), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`README.md lacks the lines ${START} and ${END}`);
  return `${readme.slice(0, from)}${START}\n\n${block}\n\n${readme.slice(to)}`;
}
