/**
 * How many events are lost or doubled in trouble, of those tracked at least 100 ms before it.
 *
 * Each round tracks a handful on a page of a shop, waits 100 ms, and lets one kind of trouble come. In the end a last page is
 * opened, and what reached the log is compared with what was tracked.
 */
import { pause, until } from "../browser/harness.mjs";
import { startBrowser, startCollector, startShop } from "./stage.mjs";

const SAFE_MS = 100;
const LAST_WAIT_MS = 180_000;

/** One kind of trouble: `(stage, page, offlineMs)`, after which the visitor goes on with a new page. */
export const TROUBLES = {
  "closing the tab": (stage, page) => page.close(),
  "navigating away": async (stage, page) => {
    await page.goto("about:blank");
    await page.close();
  },
  "killing the browser": ({ browser }) => browser.kill(),
  offline: async ({ collector }, page, offlineMs) => {
    await pause(offlineMs);
    collector.mend();
    await page.close();
  },
  "the collector dying": async ({ collector }, page) => {
    await collector.start();
    await page.close();
  },
  "two tabs": (stage, page) => page.close(),
};
/** What goes wrong before the events are tracked, where that is part of the trouble. */
const BEFORE = { offline: ({ collector }) => collector.cut(), "the collector dying": ({ collector }) => collector.die() };

/** Resolves 100 ms after the calls; with `saved`, once the tracker says that they are safe, for machines that are busy. */
const track = async (page, names, saved) => {
  await page.evaluate((list, wait) => {
    const promises = list.map((name) => ariane.track(name));
    return wait ? Promise.all(promises).then(() => {}) : undefined;
  }, names, saved);
  if (!saved) await pause(SAFE_MS);
};

/** Opens a page of the shop where the tracker is there. */
async function visit({ browser, shop }) {
  const page = await browser.open();
  page.setDefaultTimeout(LAST_WAIT_MS);
  await page.goto(`${shop.url}/page`);
  await page.waitForFunction(() => window.ariane && ariane.version);
  return page;
}

async function round(stage, trouble, names, { offlineMs, saved }) {
  const page = await visit(stage);
  const other = trouble === "two tabs" ? await visit(stage) : undefined;
  await BEFORE[trouble]?.(stage);
  const half = other ? names.length / 2 : names.length;
  await Promise.all([track(page, names.slice(0, half), saved), other && track(other, names.slice(half), saved)]);
  await TROUBLES[trouble](stage, page, offlineMs);
  await other?.close();
}

/**
 * Runs the kinds of trouble (all of TROUBLES unless given) in turn until `events` are tracked, and gives `{tracked, lost, doubled}`: names, by kind.
 * `perRound` events each; `offlineMs` is how long the network is away; `saved`: see `track`; `say(text)` is told how it goes.
 */
export async function runTrials({ browserName, events, kinds = Object.keys(TROUBLES), perRound = 20, offlineMs = 2000, saved = false, say = () => {} }) {
  const collector = await startCollector();
  const shop = await startShop(collector);
  const browser = await startBrowser(browserName);
  const stage = { collector, shop, browser };
  const tracked = [];
  try {
    for (let n = 0; tracked.length < events; n++) {
      const trouble = kinds[n % kinds.length];
      const names = Array.from({ length: perRound }, (_, i) => `${trouble} ${n} ${i}`);
      await round(stage, trouble, names, { offlineMs, saved });
      tracked.push(...names);
      say(`${tracked.length} tracked, after ${trouble}`);
    }
    await visit(stage);
    const wanted = new Set(tracked);
    let counts = new Map();
    const missing = () => tracked.filter((name) => !counts.has(name));
    await until("what is missing", async () => {
      const found = new Map();
      for (const { event } of await collector.events()) if (wanted.has(event)) found.set(event, (found.get(event) || 0) + 1);
      counts = found;
      say(`${missing().length} of ${tracked.length} not in the log yet`);
      return !missing().length;
    }, LAST_WAIT_MS).catch(() => {}); // the count says what came of it
    return { tracked, lost: missing(), doubled: [...counts].filter(([, times]) => times > 1).map(([name]) => name) };
  } finally {
    await browser.close();
    await shop.close();
    await collector.stop();
  }
}
