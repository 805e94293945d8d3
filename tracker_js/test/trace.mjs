/**
 * What the tracker costs a page's main thread. From the command line, over many loads:
 *
 *     node test/trace.mjs [--loads 30]
 *
 * prints, for a processor slowed four times, the milliseconds in our scripts until the page has loaded, and until its first
 * events are delivered: median, and the 90th percentile. The last line is the result.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { launch, pageHtml, startSite, until } from "./browser/harness.mjs";

const SLOWED = 4;
const OURS = /\/t(-extras)?\.js/;
// Outermost work of the main thread that names its script. What goes on after a promise does not; the page's only promises
// are ours.
const NAMELESS = new Set(["v8.callFunction", "RunMicrotasks", "BlinkScheduler_PerformMicrotaskCheckpoint"]);
const WORK = new Set(["EvaluateScript", "v8.compile", "FunctionCall", "EventDispatch", "TimerFire", "FireIdleCallback", "v8.evaluateModule", "v8.compileModule"]);

/** One load of `url`, until `delivered()` resolves: `{tasks, layouts, beforeLoadMs, allMs}` of what our scripts did. */
export async function costOf(browser, url, delivered) {
  const page = await browser.newPage();
  await page.emulateCPUThrottling(SLOWED);
  await page.tracing.start({ categories: ["devtools.timeline", "v8", "blink.user_timing", "loading"] });
  await page.goto(url);
  await delivered();
  const { traceEvents } = JSON.parse(Buffer.from(await page.tracing.stop()).toString());
  await page.close();
  return read(traceEvents);
}

function read(events) {
  const named = events.filter(({ ph, name, args }) => ph === "X" && WORK.has(name) && OURS.test(JSON.stringify(args?.data ?? args)));
  const [first] = named;
  const ours = [...named, ...events.filter(({ ph, name, tid, ts }) => ph === "X" && NAMELESS.has(name) && tid === first?.tid && ts > first.ts)];
  const loads = events.filter(({ name, pid }) => name === "MarkLoad" && pid === first?.pid).map(({ ts }) => ts);
  const load = Math.min(...loads, Infinity);
  const outermost = ours
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur)
    .reduce((kept, each) => (kept.length && each.tid === kept.at(-1).tid && each.ts < kept.at(-1).ts + kept.at(-1).dur ? kept : [...kept, each]), []);
  // On the processor, where the trace says it: on a busy machine the time on the wall says nothing.
  const sum = (list) => list.reduce((total, { dur, tdur = dur }) => total + tdur, 0) / 1000;
  const within = ({ ts, tid }) => outermost.some((each) => each.tid === tid && ts >= each.ts && ts <= each.ts + each.dur);
  return {
    tasks: outermost.length,
    layouts: events.filter((event) => event.name === "Layout" && within(event)).length,
    beforeLoadMs: sum(outermost.filter(({ ts }) => ts < load)),
    allMs: sum(outermost),
  };
}

async function main() {
  const { values } = parseArgs({ options: { loads: { type: "string", default: "30" } } });
  const site = await startSite();
  const browser = await launch();
  site.pages["/a"] = pageHtml();
  const costs = [];
  for (let n = 0; n < Number(values.loads); n++) {
    site.events.length = 0;
    costs.push(await costOf(browser, `${site.url}/a`, () => until("the page view", () => site.events.length)));
  }
  await browser.close();
  await site.close();
  const quantile = (part, q) => costs.map((each) => each[part]).sort((a, b) => a - b)[Math.floor(q * (costs.length - 1))].toFixed(1);
  const told = (part) => `${quantile(part, 0.5)} ms (90th percentile ${quantile(part, 0.9)})`;
  console.log(`${costs.length} loads at a ${SLOWED}× slowed processor: ${told("beforeLoadMs")} until the load event, ${told("allMs")} in all until delivered`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
