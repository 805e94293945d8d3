import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { launch, missingBrowser, pageHtml, pause, startSite, unique, until } from "./harness.mjs";

const PAGES = 30;

describe("a restless visit", { skip: missingBrowser() }, () => {
  test("of navigations, closed tabs, a bad network and a bad collector loses and doubles nothing", async () => {
    const site = await startSite();
    const browser = await launch();
    let seed = 7;
    const chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    site.answer = () => {
      const roll = chance();
      if (roll < 0.15) return "drop";
      return roll < 0.3 ? { status: 503, headers: { "Retry-After": "0" } } : null;
    };
    site.pages = new Proxy({}, { get: (_, path) => pageHtml({ title: path, inline: `ariane.track("Early " + location.pathname)` }) });
    try {
      const context = await browser.createBrowserContext();
      let page = await context.newPage();
      const expected = [];
      for (let n = 0; n < PAGES; n++) {
        await page.goto(`${site.url}/p${n}`);
        await page.evaluate((name) => void ariane.track(name), `Event ${n}`);
        expected.push(`page /p${n}`, `Early /p${n}`, `Event ${n}`);
        await pause(100 + chance() * 200);
        if (chance() < 0.3) {
          await page.close();
          page = await context.newPage();
        }
      }
      site.answer = null;
      await page.goto(`${site.url}/last`);
      const arrived = () => site.names().filter((name) => expected.includes(name));
      await until("everything", () => arrived().length >= expected.length, 20000);
      assert.deepEqual(arrived().sort(), expected.sort());
      // The server can tell that nothing is missing, once what the last pages said on leaving has come, too.
      await until("numbers without a gap", () => !gaps(site.events).length, 20000);
    } finally {
      await browser.close();
      await site.close();
    }
  });
});

/** Numbers that no event of a tab has, though a later one came. */
function gaps(events) {
  return [...group(unique(events)).values()].flatMap((ofTab) => {
    const numbers = new Set(ofTab.map((event) => event.context.ariane.seq));
    return [...Array(Math.max(...numbers)).keys()].filter((number) => !numbers.has(number));
  });
}

function group(events) {
  const groups = new Map();
  for (const event of events) groups.set(event.context.ariane.tab, [...(groups.get(event.context.ariane.tab) || []), event]);
  return groups;
}
