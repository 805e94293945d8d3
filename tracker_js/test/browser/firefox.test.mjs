/** The main flows in a real Firefox; the corners are tried in Chromium, losses in both (loss.test.mjs). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { context, onFreshPages, page, site } from "./fresh-page.mjs";
import { launchFirefox, missingFirefox, pageHtml, pause, unique, until } from "./harness.mjs";

describe("in Firefox", { skip: missingFirefox() }, () => {
  onFreshPages(launchFirefox);

  test("a page view arrives with its page, campaign and circumstances, and each change of route is one", async () => {
    await page.goto(`${site.url}/shoes?utm_source=letter&mail=a%40b.example`);
    await until("a page view", () => site.events.length);
    const [{ type, anonymousId, context: found }] = site.events;
    assert.equal(type, "page");
    assert.match(anonymousId, /^[0-9a-f-]{36}$/);
    assert.deepEqual([found.page.path, found.page.title, found.page.url], ["/shoes", "Page /shoes", `${site.url}/shoes?utm_source=letter`]);
    assert.deepEqual([found.ariane.seq, found.library.name], [0, "ariane.js"]);
    await page.evaluate(() => {
      history.replaceState({ router: 1 }, "", location.href);
      history.pushState({}, "", "/boots");
      document.title = "Boots, rendered";
    });
    await until("the second", () => site.names().includes("page /boots"));
    await page.evaluate(() => history.back());
    await until("the way back", () => site.named("page").length === 3);
    const [, second, third] = site.named("page");
    assert.equal(second.context.page.title, "Boots, rendered");
    assert.deepEqual([third.context.page.path, third.context.page.referrer], ["/shoes", `${site.url}/boots`]);
  });

  test("calls of the stub, and what is tracked in the moment of leaving or closing, arrive once", async () => {
    site.pages["/a"] = pageHtml({ inline: `ariane.track("Early")` });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      ariane.track("Left");
      location.href = "/b";
    });
    await until("the next page", () => site.names().includes("page /b"));
    await page.evaluate(() => void ariane.track("Closed"));
    await page.close({ runBeforeUnload: false });
    const other = await context.newPage();
    await other.goto(`${site.url}/c`);
    const expected = ["Closed", "Early", "Left", "page /a", "page /b", "page /c"];
    await until("all", () => site.names().filter((name) => expected.includes(name)).length === expected.length);
    assert.deepEqual(site.names().filter((name) => name !== "Page Left").sort(), expected);
    assert.equal(new Set(site.events.map((event) => event.anonymousId)).size, 1);
  });

  test("what a bad collector refused waits, and is sent by the next page, once", async () => {
    site.answer = () => ({ status: 503, headers: { "Retry-After": "1" } });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => Promise.all(Array.from({ length: 50 }, (_, n) => ariane.track(`Waits ${n}`))));
    await until("a refusal", () => site.requests.length);
    await page.goto("about:blank");
    site.answer = null;
    await page.goto(`${site.url}/b`);
    await until("all", () => site.names().filter((name) => name.startsWith("Waits")).length === 50);
    await pause(300);
    assert.equal(site.events.filter(({ event }) => event?.startsWith("Waits")).length, 50);
    await until("numbers without a gap", () => unique(site.events).every((event, i) => event.context.ariane.seq === i));
  });

  test("a login stays on later pages, and a logout is somebody new with the collector's id", async () => {
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.identify("u1", { email: "ada@example.com" }));
    await page.goto(`${site.url}/b`);
    await until("the next page", () => site.names().includes("page /b"));
    assert.equal(site.named("page").at(-1).userId, "u1");
    await page.evaluate(async () => {
      await ariane.reset();
      await ariane.track("Afterwards");
    });
    await until("the event", () => site.named("Afterwards").length);
    const [out] = site.named("Logged Out");
    const [next] = site.named("Afterwards");
    assert.deepEqual([out.userId, out.anonymousId], ["u1", site.named("page")[0].anonymousId]);
    assert.deepEqual([next.userId, next.anonymousId], [undefined, "device-1"]);
  });

  test("without consent nothing is stored or sent; after it all is; taken back, what is stored is gone", async () => {
    const kept = () =>
      page.evaluate(async () => [...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases()).map(({ name }) => name)]);
    site.pages["/a"] = pageHtml({ attributes: 'data-consent="denied"', inline: `ariane.track("Before")` });
    await page.goto(`${site.url}/a`);
    await pause(1000);
    assert.equal(site.requests.length, 0);
    assert.deepEqual(await kept(), []);
    await page.evaluate(() => ariane.consent("full"));
    await until("both", () => site.names().includes("Before") && site.named("page").length);
    assert.ok((await kept()).includes("ariane_id"));
    await page.evaluate(() => ariane.consent("denied"));
    assert.deepEqual(await kept(), ["ariane"]);
    await page.evaluate(() => void ariane.track("Unheard"));
    await pause(600);
    assert.deepEqual(site.named("Unheard"), []);
  });
});
