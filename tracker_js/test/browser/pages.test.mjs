import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { begun, context, onFreshPages, page, site } from "./fresh-page.mjs";
import { missingBrowser, pageHtml, pause, until } from "./harness.mjs";

describe("page views", { skip: missingBrowser() }, () => {
  onFreshPages();

  test("a page view arrives with its page, campaign and circumstances", async () => {
    await page.goto(`${site.url}/shoes?utm_source=letter&utm_medium=email&utm_campaign=autumn`);
    await until("a page view", () => site.events.length);
    const [{ type, messageId, anonymousId, timestamp, context: found }] = site.events;
    assert.equal(type, "page");
    assert.match(messageId, /^[0-9a-f-]{36}$/);
    assert.match(anonymousId, /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 5000);
    assert.equal(found.page.path, "/shoes");
    assert.equal(found.page.title, "Page /shoes");
    assert.equal(found.page.url, `${site.url}/shoes?utm_source=letter&utm_medium=email&utm_campaign=autumn`);
    assert.equal(found.webdriver, true);
    assert.equal(found.library.name, "ariane.js");
    assert.equal(found.screen.width, 800);
    assert.equal(found.ariane.seq, 0);
    assert.equal(site.requests[0].body.writeKey, "wk");
    assert.match(site.requests[0].headers["content-type"], /^text\/plain/);
  });

  test("the time zone is known at once with Temporal, and a moment later without", async () => {
    await page.emulateTimezone("Asia/Tokyo");
    await page.goto(`${site.url}/a`);
    await until("a page view", () => site.events.length);
    assert.equal(site.events[0].context.timezone, "Asia/Tokyo");
    await page.evaluateOnNewDocument(() => Object.defineProperty(window, "Temporal", { value: undefined }));
    await page.goto(`${site.url}/b`);
    await pause(300);
    await page.evaluate(() => ariane.track("Later"));
    await until("the event", () => site.named("Later").length);
    assert.equal(site.named("Later")[0].context.timezone, "Asia/Tokyo");
  });

  for (const api of ["Navigation API", "History API"]) {
    test(`a change of route is a page view, by the ${api}`, async () => {
      if (api === "History API") await page.evaluateOnNewDocument(() => Object.defineProperty(window, "navigation", { value: undefined }));
      await page.goto(`${site.url}/a`);
      await until("the first page view", () => site.names().includes("page /a"));
      await page.bringToFront();
      await page.mouse.move(10, 10);
      await pause(200);
      await page.evaluate(() => {
        history.pushState({}, "", "/b");
        document.title = "Page b, rendered";
      });
      await until("the second page view", () => site.names().includes("page /b"));
      await page.evaluate(() => history.back());
      await until("the way back", () => site.names().filter((name) => name === "page /a").length === 2);
      const [, second, third] = site.named("page");
      assert.equal(second.context.page.title, "Page b, rendered");
      assert.equal(second.context.page.referrer, `${site.url}/a`);
      assert.equal(third.context.page.referrer, `${site.url}/b`);
      const left = site.named("Page Left")[0];
      assert.equal(left.context.page.path, "/a");
      assert.ok(left.properties.engaged_ms > 100 && left.properties.engaged_ms < 5000, JSON.stringify(left.properties));
    });
  }

  test("replacing the state, changing the query or the hash, and redirecting at once double nothing", async () => {
    await page.goto(`${site.url}/a`);
    await begun();
    await page.evaluate(() => {
      history.replaceState({ router: 1 }, "", location.href);
      history.replaceState({}, "", "/a/");
      history.pushState({}, "", "/a?colour=red");
      location.hash = "#reviews";
      history.pushState({}, "", "/account");
      history.replaceState({}, "", "/login");
    });
    await until("the login page", () => site.names().includes("page /login"));
    await pause(500);
    assert.deepEqual(site.names().filter((name) => name.startsWith("page")), ["page /a", "page /login"]);
  });

  test("the site's own page() call is the page view, in the stub and after a change of route", async () => {
    site.pages["/own"] = pageHtml({ inline: `ariane.page("Shoes", {size: 42})` });
    await page.goto(`${site.url}/own`);
    await until("the page view", () => site.events.length);
    await page.evaluate(() => {
      history.pushState({}, "", "/next");
      ariane.page("Category", "Next");
    });
    await until("the next", () => site.names().includes("page /next"));
    await pause(400);
    const [first, second, ...others] = site.named("page");
    assert.deepEqual(others, []);
    assert.equal(first.name, "Shoes");
    assert.deepEqual(first.properties, { size: 42 });
    assert.equal(second.name, "Next");
    assert.deepEqual(second.properties, { category: "Category" });
  });

  test("what is tracked right after a change of route comes after its page view", async () => {
    await page.goto(`${site.url}/a`);
    await begun();
    await page.evaluate(() => {
      history.pushState({}, "", "/b");
      ariane.track("Seen");
    });
    await until("the event", () => site.names().includes("Seen"));
    const names = site.names().filter((name) => name !== "Page Left");
    assert.deepEqual(names, ["page /a", "page /b", "Seen"]);
  });

  test("the hash counts on request, and automatic page views can be turned off", async () => {
    site.pages["/hash"] = pageHtml({ attributes: 'data-hash="true"' });
    site.pages["/off"] = pageHtml({ attributes: 'data-auto-page="false"' });
    await page.goto(`${site.url}/hash`);
    await begun();
    await page.evaluate(() => (location.hash = "#/two"));
    await until("two page views", () => site.named("page").length === 2);
    await page.goto(`${site.url}/off`);
    await page.evaluate(() => ariane.track("Only this"));
    await until("the event", () => site.names().includes("Only this"));
    assert.equal(site.named("page").length, 2);
  });

  test("coming back from the back/forward cache is a page view of its own", async () => {
    // A browser need not use its cache, and then there is nothing to see: try until it does.
    const cameBack = await until("the cache", async () => {
      site.events.length = 0;
      await page.goto(`${site.url}/a`);
      await until("the first", () => site.names().includes("page /a"));
      await page.evaluate(() => addEventListener("pageshow", (event) => (window.cameBack = event.persisted)));
      await page.goto(`${site.url}/b`);
      await until("the second", () => site.names().includes("page /b"));
      await page.goBack({ waitUntil: "domcontentloaded", timeout: 3000 }).catch(() => {});
      return page.evaluate(() => window.cameBack);
    }, 60_000);
    assert.equal(cameBack, true);
    const back = ({ context }) => context.page.path === "/a" && context.page.referrer === `${site.url}/a`;
    const third = await until("the third", () => site.named("page").find(back));
    assert.equal(third.anonymousId, site.named("page")[0].anonymousId);
  });

  test("a prerendered page counts only when it is shown", async () => {
    site.pages["/from"] = pageHtml({
      body: `<script type="speculationrules">{"prerender": [{"urls": ["/soon"], "eagerness": "immediate"}]}</script><a href="/soon">soon</a>`,
    });
    let loaded = false;
    site.pages = new Proxy(site.pages, {
      get(pages, path) {
        if (path === "/soon") loaded = true;
        return pages[path];
      },
    });
    await page.goto(`${site.url}/from`);
    await until("the prerender", () => loaded);
    await pause(1200);
    assert.deepEqual(site.names(), ["page /from"]);
    // The prerendered page takes the frame's place, and puppeteer may say that the old one is gone.
    await page.click("a").catch(() => {});
    await until("the page", () => site.names().includes("page /soon"));
    assert.equal(site.named("page").length, 2);
  });
});
