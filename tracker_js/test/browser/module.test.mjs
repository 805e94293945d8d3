import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { launch, missingBrowser, startSite, until } from "./harness.mjs";

describe("the ES module", { skip: missingBrowser() }, () => {
  test("it tracks like the script and leaves no global", async () => {
    const site = await startSite();
    site.headers = { "Content-Security-Policy": "script-src 'self' 'nonce-n'" };
    site.pages["/a"] = `<!doctype html><title>Module</title><script type="module" nonce="n">
      import { start } from "/ariane.mjs";
      const tracker = start({ writeKey: "wk", endpoint: "/" });
      tracker.track("From a module").then(() => document.documentElement.dataset.saved = "yes");
      try { start({}); } catch (error) { document.documentElement.dataset.refused = error.message; }
    </script>`;
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(`${site.url}/a`);
      await until("both events", () => site.events.length === 2);
      assert.deepEqual(site.names(), ["page /a", "From a module"]);
      const seen = await page.evaluate(() => ({ ...document.documentElement.dataset, global: typeof window.ariane }));
      assert.deepEqual(seen, { saved: "yes", refused: "ariane: start() needs writeKey and endpoint", global: "undefined" });
    } finally {
      await browser.close();
      await site.close();
    }
  });
});
