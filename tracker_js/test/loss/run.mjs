/**
 * The loss trials from the command line:
 *
 *     node test/loss/run.mjs [--browser chromium|firefox] [--events 5000] [--per-round 50] [--offline-s 60] [--trouble "two tabs"]
 *
 * The last line is the result. Exits with 1 when anything was lost or doubled. `ARIANE` is the command that runs the collector.
 */
import { parseArgs } from "node:util";
import { runTrials } from "./trials.mjs";

const { values } = parseArgs({
  options: {
    browser: { type: "string", default: "chromium" },
    events: { type: "string", default: "5000" },
    "per-round": { type: "string", default: "50" },
    trouble: { type: "string", multiple: true },
    "offline-s": { type: "string", default: "60" },
  },
});
const started = Date.now();
const { tracked, lost, doubled } = await runTrials({
  browserName: values.browser,
  events: Number(values.events),
  kinds: values.trouble,
  perRound: Number(values["per-round"]),
  offlineMs: Number(values["offline-s"]) * 1000,
  say: (text) => console.log(`${Math.round((Date.now() - started) / 1000)} s: ${text}`),
});
for (const name of lost) console.log(`lost: ${name}`);
for (const name of doubled) console.log(`doubled: ${name}`);
console.log(`${values.browser}: ${lost.length} of ${tracked.length} lost, ${doubled.length} doubled, in ${Math.round((Date.now() - started) / 1000)} s`);
process.exitCode = lost.length || doubled.length ? 1 : 0;
