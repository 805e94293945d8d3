/**
 * The whole story, as a newcomer plays it: `ariane demo`, its shop clicked through in a browser, its live page beside it,
 * and what the read API says of the person in the end.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { arianeArgs, arianeCommand, launch, missingBrowser, missingCollector, profileFolder, projectFolder, until } from "./harness.mjs";

const START_MS = 30_000;
const STOP_MS = 10_000;
const JANE = { email: "jane@example.com", password: "follow-the-thread" };
const SHOES = { product_id: "A100", quantity: 2, price: "129.90" };
const EARNED = { EUR: "259.80" };
/** What the walk below leaves on the timeline, attention reports apart: pages by path, track events by name. */
const STORY = [
  ["page /"],
  ["page /running", "Product List Viewed"],
  ["page /p/A100", "Product Viewed"],
  ["Product Added"],
  ["page /cart", "Cart Viewed"],
  ["page /p/A210", "Product Viewed"],
  ["Product Added"],
  ["page /cart", "Cart Viewed"],
  ["Product Removed"],
  ["page /cart", "Cart Viewed"],
  ["page /newsletter/thanks", "identify"],
  ["page /login"],
  ["page /checkout", "identify", "Checkout Started"],
  ["page /order/ORDER", "Order Completed"],
  ["Logged Out"],
].flat();

describe("the demo shop", { skip: missingBrowser() || missingCollector() }, () => {
  let folder, demo, shopUrl, liveUrl, apiUrl, keys, browser, shop, live;

  before(async () => {
    folder = await profileFolder();
    demo = spawn(arianeCommand, [...arianeArgs, "demo", "--data", folder.path, "--port", "0", "--shop-port", "0"], { cwd: projectFolder });
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"]) demo[stream].on("data", (chunk) => (said[stream] += chunk));
    const addresses = () => {
      if (demo.exitCode !== null) throw new Error(`the demo did not start: ${said.stderr.slice(-2000)}`);
      return said.stdout.match(/(http:\S+)\s[^]*?(http:\S+\/demo\/live)\s/);
    };
    [, shopUrl, liveUrl] = await until("the demo to say what to open", addresses, START_MS);
    apiUrl = new URL(liveUrl).origin;
    keys = JSON.parse(execFileSync(arianeCommand, [...arianeArgs, "keys", "--data", folder.path, "--json"], { cwd: projectFolder }));
    browser = await launch();
    live = await browser.newPage();
    await live.goto(liveUrl);
    await until("the live page", async () => (await textOf("state")) === "Live");
    shop = await browser.newPage();
  });
  after(async () => {
    await browser?.close();
    await stop(demo);
    await folder?.remove();
  });

  /** Where the log ends: a batch of nothing is answered with it. */
  async function logEnd() {
    const headers = { Authorization: `Basic ${btoa(`${keys.write_key}:`)}` };
    const answer = await fetch(`${apiUrl}/v1/batch`, { method: "POST", headers, body: '{"batch": []}' });
    assert.equal(answer.status, 200);
    return answer.headers.get("Log-Position");
  }

  /** What the read API has under /v1/profiles, with everything in it that is in the log by now; null when there is none. */
  async function read(path) {
    const headers = { Authorization: `Bearer ${keys.api_key}`, "After-Position": await logEnd() };
    const answer = await fetch(`${apiUrl}/v1/profiles${path}`, { headers });
    if (answer.status === 404) return null;
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
  }

  const timeline = async (who) => (await read(`/${who}/timeline?limit=200&order=asc`))?.events ?? [];

  const nameOf = (event) => event.event ?? (event.type === "page" ? `page ${event.context.page.path.replace(/AF-\w+$/, "ORDER")}` : event.type);

  /** Waits until the log holds what the tracker sends from this step on. */
  const arrived = (who, name, times = 1) =>
    until(`“${name}” of ${who}`, async () => (await timeline(who)).filter((event) => nameOf(event) === name).length >= times);

  const hook = (name) => `[data-test="${name}"]`;
  /** Clicks in the document: a click of the mouse may miss what moves while a busy machine scrolls to it. */
  const click = (name) => Promise.all([shop.waitForNavigation(), shop.$eval(hook(name), (element) => element.click())]);
  const visit = (path) => shop.goto(shopUrl + path);
  const type = (name, text) => shop.type(hook(name), text);
  const device = async () => (await shop.evaluate(() => ariane.ready())).anonymousId;

  const textOf = (name) => live.$eval(hook(name), (element) => (element.querySelector("dd") ?? element).textContent).catch(() => null);
  const shows = (name, expected) => until(`the live page's “${name}” to be ${expected}`, async () => (await textOf(name)) === expected);
  const says = (pattern) => until(`the live page to say ${pattern}`, async () => pattern.test(await textOf("words")));

  let janesDevice, nextDevice;

  test("a visit from a letter is somebody nobody knows, with what they looked at and put in the cart", async () => {
    await visit("/?utm_source=letter&utm_medium=email&utm_campaign=november");
    janesDevice = await device();
    await says(/A visitor nobody knows yet, arrived from letter \(email\)/);
    await visit("/running");
    await click("product-A100");
    await shop.$eval(hook("quantity"), (input) => (input.value = "2"));
    await click("add-to-cart");
    assert.equal(new URL(shop.url()).pathname, "/cart");
    await visit("/p/A210");
    await click("add-to-cart");
    await arrived(`anonymous_id:${janesDevice}`, "page /cart", 2);
    await shows("total-page-views", "6");
    await click("remove-A210");
    await arrived(`anonymous_id:${janesDevice}`, "page /cart", 3);
    const profile = await read(`/anonymous_id:${janesDevice}`);
    assert.equal(profile.status, "anonymous");
    assert.deepEqual(goodsIn(profile.cart), [SHOES]);
    assert.deepEqual([profile.cart.value, profile.cart.currency], ["259.80", "EUR"]);
    await shows("status", "anonymous");
    await says(/^Took Clew Balls, tin of 3 out of the cart; the cart is worth €259\.80\.$/);
    assert.match(await textOf("panel-cart"), /2 × €129\.90/);
  });

  test("a login makes what came before Jane's, the cart too", async () => {
    await type("newsletter-email", JANE.email);
    await click("newsletter-submit");
    await arrived(`anonymous_id:${janesDevice}`, "identify");
    await visit("/login?next=/checkout");
    await type("field-email", JANE.email);
    await type("field-password", JANE.password);
    await click("login-submit");
    assert.equal(new URL(shop.url()).pathname, "/checkout");
    await arrived("user_id:jane", "Checkout Started");
    const profile = await read("/user_id:jane");
    assert.equal(profile.status, "known");
    assert.deepEqual(goodsIn(profile.cart), [SHOES]);
    await says(/^Login, signed for by the shop: \d+ earlier page views now belong to user jane\.$/);
    await shows("name", "Jane Ariadne");
    await shows("status", "known");
    await shows("total-page-views", "10");
  });

  test("an order empties the cart and is in the totals", async () => {
    await type("field-address", "1 rue du Fil");
    await type("field-postcode", "75002");
    await type("field-city", "Paris");
    await click("place-order");
    assert.match(new URL(shop.url()).pathname, /^\/order\/AF-/);
    await arrived("user_id:jane", "Order Completed");
    const profile = await read("/user_id:jane");
    assert.equal(profile.cart, null);
    assert.deepEqual([profile.totals.orders, profile.totals.revenue], [1, EARNED]);
    await says(/^Order AF-\w+: 1 order so far, €259\.80 in all\. The cart is empty again\.$/);
    await shows("total-orders", "1");
    await shows("total-revenue", "€259.80");
    assert.equal(await textOf("panel-cart"), null);
  });

  test("after the logout the same browser is somebody else, whom nobody knows", async () => {
    await click("logout");
    nextDevice = await device();
    assert.notEqual(nextDevice, janesDevice);
    await arrived("user_id:jane", "Logged Out");
    await arrived(`anonymous_id:${nextDevice}`, "page /");
    const profile = await read(`/anonymous_id:${nextDevice}`);
    assert.equal(profile.status, "anonymous");
    assert.deepEqual(identifiersOf(profile), [["anonymous_id", nextDevice]]);
    assert.deepEqual([profile.totals.page_views, profile.totals.sessions, profile.totals.orders], [1, 1, 0]);
    await shows("status", "anonymous");
    await shows("profile-id", profile.profile_id);
    await says(/^Logout\./);
  });

  test("in the end there is one Jane, with one visit, and everything she did once and in order", async () => {
    const jane = await read("/user_id:jane");
    assert.equal((await read(`/email:${JANE.email}`)).profile_id, jane.profile_id);
    assert.equal((await read(`/anonymous_id:${janesDevice}`)).profile_id, jane.profile_id);
    assert.notEqual((await read(`/anonymous_id:${nextDevice}`)).profile_id, jane.profile_id);
    assert.deepEqual(identifiersOf(jane), [["anonymous_id", janesDevice], ["email", JANE.email], ["user_id", "jane"]]);
    assert.deepEqual([jane.traits.email, jane.traits.name], [JANE.email, "Jane Ariadne"]);

    const events = await timeline("user_id:jane");
    assert.deepEqual(events.filter(({ properties }) => properties.engaged_ms === undefined).map(nameOf), STORY);
    assert.equal(new Set(events.map((event) => event.message_id)).size, events.length);
    assert.ok(events.every((event, at) => at === 0 || events[at - 1].timestamp <= event.timestamp));
    assert.ok(events.every((event) => event.anonymous_id === janesDevice));
    assert.equal(events.find((event) => event.type === "identify" && event.user_id).trust, "proven");

    const pages = STORY.filter((name) => name.startsWith("page ")).length;
    const engaged = events.reduce((sum, event) => sum + (event.properties.engaged_ms ?? 0), 0);
    assert.deepEqual(jane.totals, { events: events.length, page_views: pages, sessions: 1, orders: 1, revenue: EARNED, engaged_ms: engaged });

    const { sessions } = await read("/user_id:jane/sessions");
    assert.equal(sessions.length, 1);
    const [session] = sessions;
    assert.deepEqual(new Set(events.map((event) => event.session_id)), new Set([session.session_id]));
    assert.deepEqual([session.events, session.page_views, session.orders, session.revenue], [events.length, pages, 1, EARNED]);
    assert.deepEqual([session.channel, session.campaign, session.device_type], ["email", "november", "desktop"]);
    assert.equal(new URL(session.entry_page).pathname, "/");
    assert.match(new URL(session.exit_page).pathname, /^\/order\/AF-/);

    const { channel, source, medium, campaign, landing_page: landing } = jane.first_touch;
    assert.deepEqual([channel, source, medium, campaign], ["email", "letter", "email", "november"]);
    assert.equal(landing, `${shopUrl}/?utm_source=letter&utm_medium=email&utm_campaign=november`);
    assert.equal(jane.devices.length, 1);
    const [{ anonymous_id: id, browser: name, os, type: kind }] = jane.devices;
    assert.deepEqual([id, kind], [janesDevice, "desktop"]);
    assert.match(name, /Chrom/);
    assert.ok(os);
  });

  test("two people are all there are, and the demo ends when it is told to", async () => {
    const { profiles } = await read("?limit=10");
    assert.equal(profiles.length, 2);
    assert.equal(await stop(demo), 0);
  });
});

/** The goods in a cart, prices as the API writes money. */
function goodsIn(cart) {
  return cart.items.map(({ product_id, quantity, price }) => ({ product_id, quantity, price }));
}

const identifiersOf = (profile) => profile.identifiers.map(({ type, value }) => [type, value]).sort();

/** Ctrl-C, and the code the process ends with. */
async function stop(child) {
  if (!child || child.exitCode !== null) return child?.exitCode;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  const code = await gone;
  clearTimeout(killer);
  return code;
}
