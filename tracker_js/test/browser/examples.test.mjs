/** Every example of README.md, run in Chromium and Firefox as it stands there, and what of it reached the collector's log. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import puppeteer from "puppeteer-core";
import { startCollector } from "../loss/stage.mjs";
import { arrived, filled, from, logged, named, startShop } from "../package/shop.mjs";
import { chromePath, firefoxPath, launch, missingCollector, until } from "./harness.mjs";

const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
const blocksOf = (text, language) => [...text.matchAll(new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g"))].map(([, code]) => code);
/** Function → its examples, from the sections `### name(…)`. */
const examples = Object.fromEntries(readme.split(/^(?=##)/m).flatMap((section) => {
  const [, name] = /^### (\w+)\(/.exec(section) ?? [];
  return name ? [[name, blocksOf(section, "js")]] : [];
}));
const [tag, stub] = blocksOf(readme, "html");
const commerce = blocksOf(readme, "html").find((block) => block.includes("data-ariane-event"));

const wrapped = (head, body = "") => `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">${head}</head><body>${body}</body></html>`;

const BROWSERS = {
  Chromium: { path: chromePath, start: launch },
  Firefox: { path: firefoxPath, start: () => puppeteer.launch({ browser: "firefox", executablePath: firefoxPath, headless: true, timeout: 120_000, protocolTimeout: 120_000 }) },
};

/** Why there is nothing to run here, or false. In CI that is an error. */
function missing(name) {
  if (BROWSERS[name].path) return missingCollector();
  if (process.env.CI === "true") throw new Error(`no ${name} here`);
  return `no ${name} here`;
}

for (const name of Object.keys(BROWSERS)) describe(`README's examples, in ${name}`, { skip: missing(name) }, () => {
  let collector, browser;
  const closing = [];

  before(async () => {
    collector = await startCollector();
    browser = await BROWSERS[name].start();
  });
  after(async () => {
    await browser?.close();
    for (const close of closing) await close();
    await collector?.stop();
  });

  /** A page with README's tag, on an origin and with a browser's memory of its own. */
  async function open(html) {
    const shop = await startShop({ "/": filled(html, collector) });
    closing.push(shop.close);
    const page = await (await browser.createBrowserContext()).newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(error.message));
    await page.goto(`${shop.url}/example`);
    return { page, said, url: shop.url };
  }

  /** Runs an example on such a page; gives what it gave, what the console said, and the log's events but for the page view, first to last. */
  async function run(code, html = wrapped(tag)) {
    const opened = await open(html);
    // The example's own words, one function around them; `results` names what a test asks for.
    const value = await opened.page.evaluate(async (source) => {
      const AsyncFunction = (async () => {}).constructor;
      const names = [...source.matchAll(/^const (?:(\w+)|\{(.*)\}) =/gm)].flatMap(([, one, several]) => (one ? [one] : several.split(",")));
      window.results = await new AsyncFunction(`${source}\nreturn {${names}};`)();
      await ariane.track("The end");
      return JSON.parse(JSON.stringify(window.results));
    }, code);
    const events = await until("the example's end", async () => {
      const all = await logged(collector, from(opened.url));
      return all.some(({ event }) => event === "The end") && all;
    });
    const [first, ...rest] = events;
    assert.equal(named(first), "page /example");
    return { ...opened, value, first, events: rest.filter(({ event }) => event !== "The end"), last: events.find(({ event }) => event === "The end") };
  }

  /** That the example made exactly one event, and what it says. */
  async function makes(code, type, expected) {
    const { events, said, first } = await run(code);
    assert.deepEqual(events.map((event) => event.type), [type], code);
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(events[0][field], value, `${field} of ${code}`);
    assert.equal(events[0].anonymous_id, first.anonymous_id);
    assert.deepEqual(said, []);
    return events[0];
  }

  test("the tag and the stub: a call from before the tracker arrived is in the log, with its time", async () => {
    const { url, page } = await open(wrapped(`${stub}<script>window.at = Date.now(); ariane.track("Early");</script>${tag}`));
    const events = await arrived(collector, 2, from(url));
    assert.deepEqual(events.map(named).sort(), ["page /example", "track Early"]);
    const early = events.find(({ event }) => event === "Early");
    assert.ok(Math.abs(Date.parse(early.timestamp) - (await page.evaluate(() => window.at))) < 50, early.timestamp);
  });

  test("track", async () => {
    const [added, ordered] = examples.track;
    await makes(added, "track", { event: "Product Added", properties: { product_id: "507f1f77", name: "Rope", price: 19.9, quantity: 2, currency: "EUR" } });
    await makes(ordered, "track", { event: "Order Completed", properties: { order_id: "5001", total: 39.8, currency: "EUR", products: [{ product_id: "507f1f77", quantity: 2 }] } });
  });

  test("page", async () => {
    const [catalogue] = examples.page;
    await makes(catalogue, "page", { name: "Ropes", properties: { category: "Catalogue", products_shown: 24 } });
  });

  test("identify", async () => {
    const [login, newsletter, proven] = examples.identify;
    await makes(login, "identify", { user_id: "user-42", traits: { email: "ada@example.com", plan: "gold" } });
    const { events, last } = await run(login);
    assert.equal(last.user_id, "user-42", "the user stays on later events");
    assert.equal(events[0].anonymous_id, last.anonymous_id);
    assert.ok(!("traits" in last) || Object.keys(last.traits).length === 0, "traits are sent once");
    await makes(newsletter, "identify", { user_id: null, traits: { email: "ada@example.com" } });
    await makes(proven, "identify", { user_id: "user-42" });
  });

  test("alias", async () => {
    await makes(examples.alias[0], "alias", { user_id: "user-42", previous_id: "old-7" });
  });

  test("group", async () => {
    await makes(examples.group[0], "group", { group_id: "company-7", traits: { name: "Minos & Sons" } });
  });

  test("reset", async () => {
    const { events, first, last } = await run(`await ariane.identify("user-42");\n${examples.reset[0]}`);
    assert.deepEqual(events.map(named), ["identify", "track Logged Out"]);
    assert.deepEqual([events[1].user_id, events[1].anonymous_id], ["user-42", first.anonymous_id]);
    assert.equal(last.user_id, null);
    assert.notEqual(last.anonymous_id, first.anonymous_id);
  });

  test("consent: what waited for the answer is told after it", async () => {
    const asking = wrapped(tag.replace("data-write-key", 'data-consent="denied" data-write-key'));
    const held = await open(asking);
    await held.page.waitForFunction(() => window.ariane?.version);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.deepEqual(await logged(collector, from(held.url)), []);
    const { said, first } = await run(examples.consent[0], asking);
    assert.deepEqual(said, ["full"]);
    assert.equal(first.context.consent.mode, "full");
  });

  test("ready", async () => {
    const { value, first } = await run(examples.ready[0]);
    assert.deepEqual(value, { anonymousId: first.anonymous_id, userId: null });
  });

  test("on", async () => {
    const { said, events, page } = await run(examples.on[0]);
    await until("the refusal", () => said.length > 0);
    // An event may be sent twice (README, Delivery), and is then refused twice.
    assert.deepEqual(new Set(said), new Set(["refused missing_event_name"]));
    assert.deepEqual(events, []);
    await page.evaluate(() => results.stop());
    said.length = 0;
    const more = await page.evaluate(async () => {
      const refused = new Promise((resolve) => ariane.on("rejected", resolve));
      await ariane.track("");
      return (await refused)[0].reason;
    });
    assert.equal(more, "missing_event_name");
    assert.deepEqual(said, [], "the example's listener hears no more");
  });

  test("commerce by attributes", async () => {
    const body = commerce.replace("<form", '<form action="javascript:void 0"');
    const { page, url, said } = await open(wrapped(tag, body));
    await arrived(collector, 2, from(url));
    await page.click("article button");
    await page.type("input", "SPRING");
    await page.click("form button");
    const events = await arrived(collector, 4, from(url));
    assert.deepEqual(events.map(named), ["page /example", "track Product Viewed", "track Product Added", "track Order Completed"]);
    const rope = { currency: "EUR", product_id: "507f1f77", name: "Rope", price: 19.9 };
    assert.deepEqual(events.slice(1).map(({ properties }) => properties), [
      rope,
      { ...rope, quantity: 1 },
      { currency: "EUR", order_id: "5001", total: 39.8, products: [{ product_id: "507f1f77", quantity: 2 }], coupon: "SPRING" },
    ]);
    assert.deepEqual(said, []);
  });

  test("no example is left out, and every function has one", async () => {
    const { page } = await open(wrapped(tag));
    await page.waitForFunction(() => window.ariane?.version);
    const functions = await page.evaluate(() => Object.keys(ariane).filter((name) => typeof ariane[name] === "function"));
    assert.deepEqual(Object.keys(examples).sort(), functions.sort());
    const counts = Object.fromEntries(Object.entries(examples).map(([name, found]) => [name, found.length]));
    assert.deepEqual(counts, { track: 2, page: 1, identify: 3, alias: 1, group: 1, reset: 1, consent: 1, ready: 1, on: 1 });
    assert.equal(blocksOf(readme, "js").length, Object.values(counts).reduce((sum, count) => sum + count), "a js block outside the functions' sections");
    assert.equal(blocksOf(readme, "html").length, 3);
  });
});
