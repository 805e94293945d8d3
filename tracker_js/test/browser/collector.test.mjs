/** The tracker against the collector itself. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import {
  arianeArgs as args,
  arianeCommand as command,
  launch,
  missingBrowser,
  missingCollector,
  profileFolder,
  projectFolder as cwd,
  until,
} from "./harness.mjs";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("the tracker and the collector", { skip: missingBrowser() || missingCollector() }, () => {
  let browser, folder, collector, url, keys, shop;

  before(async () => {
    folder = await profileFolder();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    collector = spawn(command, [...args, "serve", "--data", folder.path, "--port", String(port)], { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    collector.stderr.on("data", (chunk) => (said += chunk));
    const ready = () => {
      if (collector.exitCode !== null) throw new Error(`the collector did not start: ${said.slice(-2000)}`);
      return fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
    };
    await until("the collector", ready, 20000);
    keys = JSON.parse(execFileSync(command, [...args, "keys", "--data", folder.path, "--json"], { cwd }));
    // Another origin than the collector's, as a shop has: CORS is part of what is shown.
    shop = createServer((request, response) => {
      response.writeHead(200, { "Content-Type": "text/html" });
      const linked = request.url.startsWith("/linked") ? 'data-link="localhost 127.0.0.1"' : "";
      const other = `http://localhost:${shop.address().port}/linked/there`;
      response.end(`<!doctype html><title>Shop</title><script defer src="${url}/t.js" data-write-key="${keys.write_key}" ${linked}></script><a href="${other}">there</a>`);
    });
    await new Promise((resolve) => shop.listen(0, resolve));
    const origins = ["127.0.0.1", "localhost"].flatMap((host) => ["--origin", `http://${host}:${shop.address().port}`]);
    execFileSync(command, [...args, "sources", "add", "default", "--data", folder.path, ...origins], { cwd });
    const listed = () => fetch(`${url}/v1/link`, { method: "POST", headers: { Origin: origins[1] }, body: JSON.stringify({ writeKey: keys.write_key, anonymousId: "a" }) });
    await until("the origins to be listed", async () => (await listed()).ok);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    shop?.closeAllConnections();
    shop?.close();
    if (collector.exitCode === null) {
      const gone = new Promise((resolve) => collector.once("exit", resolve));
      collector.kill("SIGTERM");
      await gone;
    }
    await folder.remove();
  });

  const events = async () => {
    const answer = await fetch(`${url}/v1/export/events`, { headers: { Authorization: `Bearer ${keys.api_key}` } });
    const lines = (await answer.text()).split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line)).sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  };

  test("a visit from the first page to the logout is in the log, once", async () => {
    const page = await browser.newPage();
    const refused = [];
    page.on("console", (message) => refused.push(message.text()));
    await page.goto(`http://127.0.0.1:${shop.address().port}/shoes?utm_source=letter&utm_medium=email`);
    await page.evaluate(async () => {
      ariane.track("Product Added", { product_id: "1", price: 10, quantity: 2, currency: "EUR" });
      ariane.identify("u1", { email: "ada@example.com" });
    });
    await until("the login", async () => (await events()).some((event) => event.type === "identify"));
    await page.evaluate(() => {
      ariane.reset();
      ariane.track("Afterwards");
      location.href = "about:blank";
    });
    const found = await until("the rest", async () => {
      const all = await events();
      return all.some((event) => event.event === "Afterwards") && all;
    });
    const names = found.map((event) => event.event || event.type).filter((name) => name !== "Page Left");
    assert.deepEqual(names, ["page", "Product Added", "identify", "Logged Out", "Afterwards"]);
    const [first, , identify, out, next] = found.filter((event) => event.event !== "Page Left");
    assert.equal(identify.anonymous_id, first.anonymous_id);
    assert.equal(out.user_id, "u1");
    assert.notEqual(next.anonymous_id, first.anonymous_id);
    assert.equal(next.user_id ?? null, null);
    assert.equal(new Set(found.map((event) => event.message_id)).size, found.length);
    await page.close();
  });

  test("a link to another listed domain carries the device, once, and never in an address", async () => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${shop.address().port}/linked/here`);
    const here = await page.evaluate(async () => (await ariane.ready()).anonymousId);
    const given = page.waitForResponse((response) => response.url().endsWith("/v1/link"));
    await page.hover("a");
    const { token } = await (await given).json();
    await page.waitForFunction(() => document.querySelector("a").matches(":hover"));
    await Promise.all([page.waitForNavigation(), page.click("a")]);
    const there = await page.evaluate(async () => (await ariane.ready()).anonymousId);
    assert.equal(new URL(page.url()).hostname, "localhost");
    assert.equal(there, here);
    assert.ok(!page.url().includes(token));
    const seen = await until("both pages", async () => {
      const pages = (await events()).filter((event) => event.type === "page" && event.context.page.path.startsWith("/linked"));
      return pages.length === 2 && pages;
    });
    assert.deepEqual(seen.map((event) => event.anonymous_id), [here, here]);
    assert.ok(!JSON.stringify(seen).includes(token));
    await context.close();

    // The same address again, sent to somebody else, or without the link: it plants nothing.
    const stranger = await browser.createBrowserContext();
    const strange = await stranger.newPage();
    await strange.goto(`http://localhost:${shop.address().port}/linked/there?ariane_link=${token}`);
    assert.notEqual(await strange.evaluate(async () => (await ariane.ready()).anonymousId), here);
    await stranger.close();
  });

  test("what was tracked while the collector was away arrives when it is back", async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${shop.address().port}/away`);
    collector.kill("SIGSTOP");
    await page.evaluate(() => Promise.all([ariane.track("Away 1"), ariane.track("Away 2")]));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    collector.kill("SIGCONT");
    await until("both", async () => (await events()).filter((event) => /^Away/.test(event.event)).length === 2, 30000);
    await page.close();
  });
});
