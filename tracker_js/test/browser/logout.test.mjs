import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { launch, missingBrowser, pageHtml, startSite, until } from "./harness.mjs";

describe("a logout before it is known who this is", { skip: missingBrowser() }, () => {
  test("what came before it stays with the one who leaves", async () => {
    const site = await startSite();
    site.pages["/a"] = pageHtml({ inline: 'ariane.identify("u1"); ariane.reset(); ariane.track("Afterwards");' });
    const browser = await launch();
    try {
      const page = await (await browser.createBrowserContext()).newPage();
      await page.goto(`${site.url}/a`);
      await until("all four", () => site.names().length === 4);
      const devices = (...names) => names.map((name) => site.named(name)[0].anonymousId);
      const [login, logout, afterwards] = devices("identify", "Logged Out", "Afterwards");
      assert.equal(login, logout);
      assert.notEqual(afterwards, logout);
      assert.equal(site.named("Afterwards")[0].userId, undefined);
    } finally {
      await browser.close();
      await site.close();
    }
  });
});
