/** What the tracker costs a page's main thread, by the browser's own trace, on a processor slowed four times. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { launch, missingBrowser, pageHtml, startSite, until } from "./harness.mjs";
import { costOf } from "../trace.mjs";

describe("the main thread", { skip: missingBrowser() }, () => {
  test("what is ours is found in the trace, makes the browser lay out nothing, and waits with what costs most until the page has loaded", async () => {
    const site = await startSite();
    const browser = await launch();
    try {
      site.pages["/a"] = pageHtml();
      const cost = await costOf(browser, `${site.url}/a`, () => until("the page view", () => site.events.length));
      assert.ok(cost.tasks > 0, "the trace shows our script");
      assert.equal(cost.layouts, 0, "nothing of ours makes the browser lay out");
      const costs = [];
      for (let n = 0; n < 5; n++) {
        site.events.length = 0;
        costs.push(await costOf(browser, `${site.url}/a`, () => until("the page view", () => site.events.length)));
      }
      const parts = costs.map(({ beforeLoadMs, allMs }) => beforeLoadMs / allMs).sort((a, b) => a - b);
      assert.ok(parts[2] < 0.4, `what costs most waits until the page has loaded: ${parts}`);
    } finally {
      await browser.close();
      await site.close();
    }
  });
});
