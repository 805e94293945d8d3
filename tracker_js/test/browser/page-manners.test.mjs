import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { context, onFreshPages, page, site } from "./fresh-page.mjs";
import { missingBrowser, pageHtml, pause, until } from "./harness.mjs";

describe("attributes, engaged time and manners", { skip: missingBrowser() }, () => {
  onFreshPages();

  test("attributes tell what is shown, clicked and submitted", async () => {
    site.pages["/shop"] = pageHtml({
      body: `<main data-ariane-currency="EUR">
        <article data-ariane-view="Product Viewed" data-ariane-product-id="007" data-ariane-name="Rope" data-ariane-price="19.90">
          <button data-ariane-event="Product Added" data-ariane-quantity="2"><b>Add</b></button>
        </article>
        <form data-ariane-event="Order Completed" data-ariane-order-id="o1" data-ariane-total="39.8" data-ariane-products='[{"product_id":"007"}]' onsubmit="return false">
          <input data-ariane-field="coupon" value="SPRING"><button>Pay</button>
        </form>
      </main>`,
    });
    await page.goto(`${site.url}/shop`);
    await page.click("b");
    await page.click("form button");
    await until("all", () => site.named("Order Completed").length);
    assert.deepEqual(site.names(), ["page /shop", "Product Viewed", "Product Added", "Order Completed"]);
    assert.deepEqual(site.named("Product Viewed")[0].properties, { product_id: "007", name: "Rope", price: 19.9, currency: "EUR" });
    assert.deepEqual(site.named("Product Added")[0].properties, { quantity: 2, product_id: "007", name: "Rope", price: 19.9, currency: "EUR" });
    assert.deepEqual(site.named("Order Completed")[0].properties, {
      order_id: "o1",
      total: 39.8,
      products: [{ product_id: "007" }],
      currency: "EUR",
      coupon: "SPRING",
    });
  });

  test("what a route renders later is viewed once, and again on the next page view", async () => {
    site.pages["/app"] = pageHtml({ body: "<div id=root></div>" });
    await page.goto(`${site.url}/app`);
    const render = (id) =>
      page.evaluate((product) => {
        const element = document.createElement("p");
        element.dataset.arianeView = "Product Viewed";
        element.dataset.arianeProductId = product;
        document.getElementById("root").replaceChildren(element);
      }, id);
    await render("1");
    await until("the first", () => site.named("Product Viewed").length === 1);
    await render("1");
    await pause(600);
    assert.equal(site.named("Product Viewed").length, 1);
    await page.evaluate(() => history.pushState({}, "", "/app/2"));
    await render("2");
    await until("the second", () => site.named("Product Viewed").some((event) => event.properties.product_id === "2"));
  });

  test("a click on a link that leaves the page is not lost", async () => {
    site.pages["/a"] = pageHtml({ body: `<a href="/b" data-ariane-event="Promotion Clicked" data-ariane-promotion-id="p1">go</a>` });
    await page.goto(`${site.url}/a`);
    await Promise.all([page.waitForNavigation(), page.click("a")]);
    await until("the click", () => site.named("Promotion Clicked").length);
    assert.deepEqual(site.named("Promotion Clicked")[0].properties, { promotion_id: "p1" });
  });

  test("only the tab with the focus counts engaged time", async () => {
    const other = await context.newPage();
    await page.goto(`${site.url}/a`);
    await other.goto(`${site.url}/b`);
    const start = Date.now();
    await page.bringToFront();
    await page.mouse.move(5, 5);
    await pause(700);
    await other.bringToFront();
    await other.mouse.move(5, 5);
    await pause(700);
    await page.goto("about:blank");
    await other.goto("about:blank");
    await until("a report", () => site.named("Page Left").length >= 1);
    await pause(500);
    const total = site.named("Page Left").reduce((sum, event) => sum + event.properties.engaged_ms, 0);
    assert.ok(total > 500 && total <= Date.now() - start + 500, `${total}`);
  });

  test("a page that stays tells engaged time once a heartbeat, nothing twice, and the rest when it is left", async () => {
    // A minute is a second here: the tracker's clock is the page's own.
    await page.evaluateOnNewDocument(() => {
      const { setInterval } = window;
      window.setInterval = (work, ms) => setInterval(work, ms === 60_000 ? 1000 : ms);
    });
    const idle = await context.newPage();
    await idle.goto(`${site.url}/idle`);
    await page.goto(`${site.url}/a`);
    const start = Date.now();
    await page.bringToFront();
    await page.mouse.move(5, 5);
    await until("three heartbeats", () => site.named("Page Engaged").length >= 3);
    await page.goto("about:blank");
    const end = Date.now();
    await until("the rest", () => site.named("Page Left").some(({ context: { page: left } }) => left.path === "/a"));
    const beats = site.named("Page Engaged");
    assert.deepEqual(new Set(beats.map((event) => event.context.page.path)), new Set(["/a"]));
    const times = beats.map((event) => Date.parse(event.timestamp));
    assert.ok(times.every((time, i) => !i || time - times[i - 1] > 500), `${times}`);
    const total = site.events.filter((event) => event.context.page.path === "/a").reduce((sum, event) => sum + (event.properties?.engaged_ms ?? 0), 0);
    assert.ok(total > 2000 && total <= end - start + 500, `${total} of ${end - start}`);
  });

  test("a strict content security policy with Trusted Types has nothing to complain about", async () => {
    const reports = [];
    page.on("console", (message) => reports.push(message.text()));
    page.on("pageerror", (error) => reports.push(String(error)));
    site.headers = { "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types 'none'" };
    site.pages["/strict"] = `<!doctype html><title>Strict</title><link rel="icon" href="data:,"><script defer src="/t.js" data-write-key="wk"></script><button data-ariane-event="Clicked">x</button>`;
    await page.goto(`${site.url}/strict`);
    await page.click("button");
    await until("both", () => site.events.length === 2);
    assert.deepEqual(reports, []);
  });

  test("it leaves one global, however often and under whatever name it is asked for", async () => {
    site.pages["/none"] = "<!doctype html><title>none</title>";
    site.pages["/named"] = `<!doctype html><title>x</title><script defer src="/t.js" data-write-key="wk" data-global="shop"></script><script defer src="/t.js?again" data-write-key="wk" data-global="shop"></script>`;
    await page.goto(`${site.url}/none`);
    const before = await page.evaluate(() => Object.getOwnPropertyNames(window));
    await page.goto(`${site.url}/named`);
    await until("a page view", () => site.events.length);
    await pause(500);
    const after = await page.evaluate(() => Object.getOwnPropertyNames(window));
    assert.deepEqual(after.filter((name) => !before.includes(name)), ["shop"]);
    assert.equal(site.events.length, 1);
  });

  test("nothing it is given makes it throw into the page", async () => {
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${site.url}/a`);
    const told = await page.evaluate(async () => {
      const list = [];
      ariane.on("error", (error) => list.push(String(error)));
      ariane.on("event", () => {
        throw new Error("a listener's own");
      });
      const circle = {};
      circle.self = circle;
      await ariane.track("Circle", circle);
      await ariane.track("Bad time", {}, { timestamp: "yesterday-ish" });
      await ariane.track();
      await ariane.identify();
      await ariane.group(null);
      await ariane.alias();
      await ariane.page({}, {}, {}, {});
      await ariane.track("Big", { number: 1n });
      ariane.consent("sometimes");
      ariane.on();
      await ariane.track("Fine", {}, () => {
        throw new Error("a callback's own");
      });
      return list;
    });
    await until("the good one", () => site.named("Fine").length);
    assert.deepEqual(errors, []);
    assert.ok(told.some((text) => text.includes("circular")));
    assert.ok(told.some((text) => text.includes("a callback's own")));
    assert.ok(told.some((text) => text.includes("a listener's own")));
  });

  test("without a write key it says what is missing, and the page goes on", async () => {
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    site.pages["/keyless"] = `<!doctype html><title>x</title><script defer src="/t.js"></script>`;
    await page.goto(`${site.url}/keyless`);
    await until("the complaint", () => said.length);
    assert.match(said.join(), /data-write-key/);
  });

  test("an endpoint that is no address is told to those who listen for errors", async () => {
    site.pages["/wrong"] = pageHtml({ attributes: 'data-endpoint="https://"', inline: `ariane.on("error", (error) => (window.told = String(error)))` });
    await page.goto(`${site.url}/wrong`);
    assert.match(await until("the error", () => page.evaluate(() => window.told)), /URL/);
  });
});
