import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { onFreshPages, page, site } from "./fresh-page.mjs";
import { missingBrowser, pageHtml, unique, until } from "./harness.mjs";

describe("the second file", { skip: missingBrowser() }, () => {
  onFreshPages();

  test("without it pages are seen, calls taken, and both delivered, on leaving too", async () => {
    site.missing = "/t-extras.js";
    site.pages["/a"] = pageHtml({ inline: `ariane.track("Early")` });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.identify("u1", { plan: "gold" }));
    await until("the first", () => site.named("identify").length);
    await page.evaluate(() => {
      ariane.track("Leaving");
      location.href = "/b";
    });
    await until("the rest", () => site.names().includes("Leaving") && site.names().includes("page /b"));
    assert.deepEqual(site.names(), ["Early", "page /a", "identify", "Leaving", "page /b"]);
    assert.equal(new Set(site.events.map((event) => event.anonymousId)).size, 1);
  });

  test("what was not delivered without it is delivered once it is there", async () => {
    site.missing = "/t-extras.js";
    site.answer = () => ({ status: 503 });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.track("Waits"));
    await until("a refusal", () => site.requests.length);
    site.answer = site.missing = null;
    await page.goto(`${site.url}/b`);
    await until("all", () => site.names().includes("Waits") && site.names().filter((name) => name.startsWith("page")).length === 2);
  });

  test("clicks made before it has come are understood when it is there", async () => {
    site.pages["/a"] = pageHtml({ body: `<button data-ariane-event="Clicked" data-ariane-product-id="1">x</button><script>addEventListener("DOMContentLoaded", () => document.querySelector("button").click())</script>` });
    await page.goto(`${site.url}/a`);
    await until("the click", () => site.named("Clicked").length);
    assert.deepEqual(site.named("Clicked")[0].properties, { product_id: "1" });
  });

  test("a browser that has lost what scripts may store is who the collector's cookie says, from its first event on", async () => {
    site.cookie = "known-to-the-cookie";
    site.pages["/a"] = pageHtml({ inline: `ariane.track("Early")` });
    await page.goto(`${site.url}/a`);
    await until("both", () => site.events.length === 2);
    assert.deepEqual(new Set(site.events.map((event) => event.anonymousId)), new Set(["known-to-the-cookie"]));
    assert.equal(await page.evaluate(async () => (await ariane.ready()).anonymousId), "known-to-the-cookie");
    site.cookie = "changed";
    await page.goto(`${site.url}/b`);
    await until("the next", () => site.names().includes("page /b"));
    assert.equal(site.named("page").at(-1).anonymousId, "known-to-the-cookie");
  });

  test("GA4's dataLayer is commerce on request, what was pushed before too", async () => {
    site.pages["/shop"] = pageHtml({
      attributes: 'data-data-layer="true"',
      inline: `dataLayer = [{event: "view_item", ecommerce: {currency: "EUR", items: [{item_id: "1", item_name: "Rope", price: 19.9}]}}]`,
    });
    await page.goto(`${site.url}/shop`);
    await until("the product", () => site.named("Product Viewed").length);
    await page.evaluate(() => {
      function gtag() {
        dataLayer.push(arguments);
      }
      gtag("event", "purchase", { transaction_id: "T1", value: 39.8, currency: "EUR", items: [{ item_id: "1", quantity: 2 }] });
      dataLayer.push({ event: "gtm.click" });
    });
    await until("the order", () => site.named("Order Completed").length);
    assert.deepEqual(site.named("Product Viewed")[0].properties, { product_id: "1", name: "Rope", price: 19.9, currency: "EUR" });
    assert.deepEqual(site.named("Order Completed")[0].properties, { order_id: "T1", revenue: 39.8, value: 39.8, currency: "EUR", products: [{ product_id: "1", quantity: 2 }] });
    assert.equal(await page.evaluate(() => dataLayer.length), 3);
  });

  test("outbound links, downloads, forms and scrolling are told on request, and only then", async () => {
    const body = `<a id="out" href="https://elsewhere.example/x" onclick="return false">out</a><a id="file" href="/list.pdf" onclick="return false">file</a>
      <form id="ask" action="/asked" onsubmit="return false"><button>ask</button></form><p style="height: 4000px"></p>`;
    site.pages["/quiet"] = pageHtml({ body });
    site.pages["/watched"] = pageHtml({ body, attributes: 'data-track="outbound downloads forms scroll"' });
    const act = async () => {
      for (const selector of ["#out", "#file", "#ask button"]) await page.click(selector);
      await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    };
    await page.goto(`${site.url}/quiet`);
    await act();
    await page.evaluate(() => ariane.track("Done"));
    await until("the end", () => site.named("Done").length);
    assert.deepEqual(site.names(), ["page /quiet", "Done"]);
    await page.goto(`${site.url}/watched`);
    await act();
    await until("the depth", () => site.named("Page Scrolled").some((event) => event.properties.percent === 100));
    assert.equal(site.named("Outbound Link Clicked")[0].properties.url, "https://elsewhere.example/x");
    assert.equal(site.named("File Downloaded")[0].properties.url, `${site.url}/list.pdf`);
    assert.deepEqual(site.named("Form Submitted")[0].properties, { form_id: "ask", action: `${site.url}/asked` });
  });

  test("addresses carry what is listed, and e-mail addresses go nowhere they were not sent on purpose", async () => {
    site.pages["/ada@example.com/x"] = pageHtml({ title: "Hello ada@example.com", attributes: 'data-query="q" data-emails="contact"' });
    await page.goto(`${site.url}/ada@example.com/x?q=rope&token=secret&utm_source=letter&gclid=G1&mail=a%40b.example#/private`);
    await page.evaluate(() => {
      ariane.track("Asked", { text: "write to bob@example.com, please", contact: "bob@example.com", list: [{ deep: "carl@example.com" }] });
      ariane.identify("dora@example.com", { email: "dora@example.com" });
    });
    await until("all", () => site.named("identify").length);
    const { url, path, title } = site.named("page")[0].context.page;
    assert.deepEqual([url, path, title], [`${site.url}/[email]/x?q=rope&utm_source=letter&gclid=G1`, "/[email]/x", "Hello [email]"]);
    assert.deepEqual(site.named("Asked")[0].properties, { text: "write to [email], please", contact: "bob@example.com", list: [{ deep: "[email]" }] });
    assert.deepEqual([site.named("identify")[0].userId, site.named("identify")[0].traits.email], ["dora@example.com", "dora@example.com"]);
  });

  test("a cart token is an identifier, once a tab", async () => {
    site.pages["/checkout"] = pageHtml({ attributes: 'data-cart-token="cart-1"' });
    for (const visit of [1, 2]) {
      await page.goto(`${site.url}/checkout`);
      await until("the page view", () => site.named("page").length === visit && site.named("identify").length);
    }
    await page.evaluate(() => ariane.track("Done"));
    await until("the end", () => site.named("Done").length);
    assert.deepEqual(site.named("identify").map((event) => event.context.externalIds), [[{ id: "cart-1", type: "cart_token" }]]);
  });

  test("in a hostile page, with an old library's toJSON, enumerable additions and a frozen history, all is as it was", async () => {
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.evaluateOnNewDocument(() => {
      Array.prototype.toJSON = function () {
        return `[${this.join()}]`;
      };
      Object.prototype.extra = "an addition";
      Object.defineProperty(window, "navigation", { value: undefined });
      Object.freeze(History.prototype);
      Object.freeze(history);
    });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.track("Listed", { products: [{ product_id: "1" }] }));
    await until("both", () => unique(site.events).length >= 2);
    assert.deepEqual(site.named("Listed")[0].properties.products, [{ product_id: "1" }]);
    assert.deepEqual(errors, []);
  });
});
