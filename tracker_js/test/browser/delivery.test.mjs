import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { context, onFreshPages, page, site } from "./fresh-page.mjs";
import { launch, missingBrowser, pageHtml, pause, profileFolder, unique, until } from "./harness.mjs";

const DOWN = () => ({ status: 503, headers: { "Retry-After": "1" } });

describe("delivery", { skip: missingBrowser() }, () => {
  onFreshPages();

  test("what is tracked in the moment of leaving arrives, without waiting for the next page", async () => {
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      ariane.track("Left");
      location.href = "about:blank";
    });
    await until("the event", () => site.names().includes("Left"));
  });

  test("closing the tab at once loses nothing", async () => {
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => void ariane.track("Closed"));
    await page.close({ runBeforeUnload: false });
    await until("the event", () => site.names().includes("Closed"));
  });

  test("offline, then online: everything arrives once, with its original time", async () => {
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    await page.setOfflineMode(true);
    const before = Date.now();
    await page.evaluate(() => Promise.all([1, 2, 3].map((n) => ariane.track(`Offline ${n}`))));
    const made = Date.now();
    await pause(1200);
    assert.equal(site.events.length, 1);
    await page.setOfflineMode(false);
    await until("the events", () => site.named("Offline 3").length);
    assert.deepEqual(site.names(), ["page /a", "Offline 1", "Offline 2", "Offline 3"]);
    assert.equal(site.events.length, 4);
    const time = Date.parse(site.named("Offline 1")[0].timestamp);
    assert.ok(time >= before - 1 && time <= made + 1);
  });

  test("503 with Retry-After is waited for, and then delivered once", async () => {
    site.answer = () => ({ status: 503, headers: { "Retry-After": "2" } });
    await page.goto(`${site.url}/a`);
    await until("a refusal", () => site.requests.length);
    const refusedAt = Date.now();
    site.answer = null;
    await page.evaluate(() => ariane.track("Meanwhile"));
    await until("both", () => site.events.length === 2);
    assert.ok(Date.now() - refusedAt > 1800, `waited ${Date.now() - refusedAt} ms`);
    assert.deepEqual(site.names(), ["page /a", "Meanwhile"]);
    assert.equal(site.requests.length, 2);
  });

  test("a wrong key is told to the error listeners, and its events wait until it is mended", async () => {
    site.answer = () => ({ status: 401 });
    site.pages["/a"] = pageHtml({ inline: `ariane.on("error", (error) => (window.told = error.message))` });
    await page.goto(`${site.url}/a`);
    assert.equal(await until("the error", () => page.evaluate(() => window.told)), "ariane: the collector answered 401");
    site.answer = null;
    await until("the page view", () => site.events.length);
  });

  test("a dropped connection is tried again", async () => {
    let failures = 0;
    site.answer = () => (failures++ < 2 ? "drop" : null);
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    assert.deepEqual(site.names(), ["page /a"]);
  });

  test("an answer that is not the collector's is no delivery", async () => {
    site.answer = () => ({ status: 200, json: { welcome: "to the hotel" } });
    await page.goto(`${site.url}/a`);
    await until("a request", () => site.requests.length);
    site.events.length = 0;
    site.answer = null;
    await until("the page view", () => site.events.length);
  });

  test("one poisonous event does not block the others, and is reported", async () => {
    site.answer = (body) => (body.batch.some((event) => event.event === "Poison") ? { status: 413 } : null);
    site.pages["/a"] = pageHtml({ inline: `ariane.on("rejected", (list) => (window.refused = list)); ["One", "Poison", "Two"].forEach((name) => ariane.track(name))` });
    await page.goto(`${site.url}/a`);
    await until("the good ones", () => site.events.length === 3);
    assert.deepEqual(site.names().sort(), ["One", "Two", "page /a"]);
    const refused = await until("the report", () => page.evaluate(() => window.refused));
    assert.equal(refused[0].reason, "http_413");
  });

  test("what the collector rejects is dropped and reported, what it accepts is delivered", async () => {
    site.answer = (body) => ({
      status: 200,
      json: { success: true, rejected: body.batch.flatMap((event, index) => (event.event === "Bad" ? [{ index, message_id: event.messageId, reason: "event_too_large" }] : [])) },
    });
    site.pages["/a"] = pageHtml({ inline: `window.told = {}; for (const name of ["rejected", "delivered"]) ariane.on(name, (list) => (told[name] = list)); ariane.track("Bad")` });
    await page.goto(`${site.url}/a`);
    const told = await until("the reports", () => page.evaluate(() => window.told.delivered && window.told));
    assert.equal(told.rejected[0].reason, "event_too_large");
    assert.deepEqual(told.delivered, site.named("page").map((event) => event.messageId));
    await pause(700);
    assert.equal(site.requests.length, 1);
  });

  test("a backlog is split into requests of at most 60 KB, and each event comes once", async () => {
    site.answer = DOWN;
    await page.goto(`${site.url}/a`);
    await until("a refusal", () => site.requests.length);
    await page.evaluate(() => Promise.all(Array.from({ length: 60 }, (_, n) => ariane.track(`Event ${n}`, { text: "é".repeat(1500) }))));
    site.answer = null;
    await until("all", () => unique(site.events).length === 61);
    assert.equal(site.events.length, 61);
    const bytes = site.requests.map((request) => Number(request.headers["content-length"]));
    assert.ok(Math.max(...bytes) <= 60 * 1024, `${bytes}`);
    assert.ok(site.requests.length > 3);
    const numbers = unique(site.events).map((event) => event.context.ariane.seq);
    assert.deepEqual(numbers, [...numbers.keys()]);
  });

  test("what waits is sent by the next page", async () => {
    site.answer = DOWN;
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.track("Waits"));
    await until("a refusal", () => site.requests.length);
    await page.goto("about:blank");
    site.answer = null;
    await page.goto(`${site.url}/b`);
    await until("all of it", () => site.names().includes("Waits") && site.names().includes("page /b"));
    const tabs = new Set(site.events.map((event) => event.context.ariane.tab));
    assert.equal(tabs.size, 1);
    const numbers = unique(site.events).map((event) => event.context.ariane.seq);
    assert.deepEqual(numbers, [...numbers.keys()]);
  });

  test("of a burst that was delivered in part, the next page sends the rest", async () => {
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    let taken = 0;
    site.answer = () => (taken++ ? DOWN() : null);
    await page.evaluate(() => Promise.all(Array.from({ length: 40 }, (_, n) => ariane.track(`Event ${n}`, { text: "é".repeat(1500) }))));
    await until("a part, and a refusal", () => taken > 1);
    const part = site.names().filter((name) => name.startsWith("Event"));
    assert.ok(part.length && part.length < 40, `${part.length}`);
    await pause(200);
    await page.goto("about:blank");
    site.answer = null;
    await page.goto(`${site.url}/b`);
    await until("the rest", () => site.names().filter((name) => name.startsWith("Event")).length === 40);
    await pause(300);
    const again = part.filter((name) => site.events.filter(({ event }) => event === name).length > 1);
    assert.deepEqual(again, []);
  });

  test("what an earlier version kept, an event a row, is delivered and forgotten", async () => {
    site.pages["/before"] = "<!doctype html><title>before</title>";
    await page.goto(`${site.url}/before`);
    const rows = (kept) =>
      page.evaluate(
        (row) =>
          new Promise((resolve) => {
            const request = indexedDB.open("ariane", 1);
            request.onupgradeneeded = () => request.result.createObjectStore("queue", { keyPath: "id" });
            request.onsuccess = () => {
              const transaction = request.result.transaction("queue", "readwrite");
              const queue = transaction.objectStore("queue");
              if (row) queue.put(row);
              const keys = queue.getAllKeys();
              transaction.oncomplete = () => {
                request.result.close();
                resolve(keys.result);
              };
            };
          }),
        kept,
      );
    const event = { type: "track", event: "Old", messageId: "old-1", anonymousId: "a", timestamp: "2026-01-01T00:00:00.000Z", properties: {}, context: {} };
    await rows({ id: "old-1", key: "wk", tab: "t", at: Date.now() - 10_000, body: JSON.stringify(event) });
    await page.goto(`${site.url}/a`);
    await until("the old one", () => site.named("Old").length);
    await until("its row to be gone", async () => !(await rows()).includes("old-1"));
    assert.equal(site.events.filter(({ event: name }) => name === "Old").length, 1);
  });

  test("killing the browser and coming back loses nothing and doubles nothing", async () => {
    const folder = await profileFolder();
    try {
      site.answer = DOWN;
      const first = await launch({ userDataDir: folder.path });
      const tab = await first.newPage();
      await tab.goto(`${site.url}/a`);
      await until("a refusal", () => site.requests.length);
      await tab.evaluate(() => {
        for (let n = 0; n < 20; n++) ariane.track(`Kept ${n}`);
      });
      await pause(150);
      first.process().kill("SIGKILL");
      await pause(500);
      site.answer = null;
      const second = await launch({ userDataDir: folder.path });
      await (await second.newPage()).goto(`${site.url}/b`);
      await until("all", () => unique(site.events).length === 22);
      await pause(600);
      const kept = site.names().filter((name) => name.startsWith("Kept"));
      assert.equal(kept.length, 20);
      assert.equal(site.events.length, 22);
      // localStorage may have lost the id with the process; its mirror has not.
      assert.equal(new Set(site.events.map((event) => event.anonymousId)).size, 1);
      await second.close();
    } finally {
      await folder.remove();
    }
  });

  test("two tabs share one queue and send nothing twice", async () => {
    site.answer = DOWN;
    const other = await context.newPage();
    await page.goto(`${site.url}/a`);
    await other.goto(`${site.url}/b`);
    await Promise.all([page, other].map((tab, which) => tab.evaluate((name) => Promise.all([0, 1, 2, 3, 4].map((n) => ariane.track(`${name} ${n}`))), `Tab ${which}`)));
    await until("refusals", () => site.requests.length > 1);
    site.answer = null;
    await Promise.all([page, other].map((tab, which) => tab.evaluate((name) => Promise.all([5, 6, 7, 8, 9].map((n) => ariane.track(`${name} ${n}`))), `Tab ${which}`)));
    await until("all", () => site.names().filter((name) => name.startsWith("Tab")).length === 20);
    await pause(1500);
    const tracked = site.events.filter((event) => /^Tab/.test(event.event));
    assert.equal(tracked.length, 20);
    assert.equal(site.named("page").length, 2);
    assert.equal(new Set(site.events.map((event) => event.anonymousId)).size, 1);
    assert.equal(new Set(site.events.map((event) => event.context.ariane.tab)).size, 2);
  });

  for (const blocked of ["indexedDB", "localStorage, sessionStorage, indexedDB", "navigator.locks"]) {
    test(`it works without ${blocked}`, async () => {
      await page.evaluateOnNewDocument((names) => {
        for (const name of names.split(", ")) {
          const [owner, key] = name.startsWith("navigator.") ? [Navigator.prototype, name.slice(10)] : [window, name];
          Object.defineProperty(owner, key, {
            get() {
              if (owner === window) throw new DOMException("blocked", "SecurityError");
            },
          });
        }
      }, blocked);
      const errors = [];
      page.on("pageerror", (error) => errors.push(error));
      site.answer = DOWN;
      await page.goto(`${site.url}/a`);
      await until("a refusal", () => site.requests.length);
      site.answer = null;
      await page.evaluate(() => ariane.track("Works"));
      await until("both", () => site.events.length === 2);
      await page.evaluate(() => {
        ariane.track("Leaving");
        location.href = "about:blank";
      });
      await until("the last", () => site.names().includes("Leaving"));
      assert.deepEqual(errors, []);
    });
  }

  test("where fetch is gone, a leaving page sends a beacon", async () => {
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    await page.evaluate(() => {
      window.fetch = () => Promise.reject(new TypeError("blocked"));
      ariane.track("By beacon");
      location.href = "about:blank";
    });
    await until("the event", () => site.names().includes("By beacon"));
    assert.equal(site.requests.at(-1).headers["sec-fetch-mode"], "no-cors");
  });

  test("where beacons are gone too, what a query can say goes as an image, and all of it waits for the next page", async () => {
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    await page.evaluate(() => {
      window.fetch = () => Promise.reject(new TypeError("blocked"));
      navigator.sendBeacon = () => false;
      ariane.track("By image", { colour: "red & blue" });
      ariane.track("Too rich", { price: 1 });
      location.href = "/b";
    });
    await until("the events", () => site.names().includes("By image") && site.names().includes("Too rich"));
    // The page view may come again as a picture, when the page left before it heard that it had arrived.
    const pixels = site.pixels.filter(({ type }) => type === "track");
    assert.deepEqual(pixels.map((pixel) => pixel.event), ["By image"]);
    const [pixel] = pixels;
    const [event] = site.named("By image");
    assert.deepEqual([pixel.messageId, pixel.anonymousId, pixel.writeKey, pixel.colour], [event.messageId, event.anonymousId, "wk", "red & blue"]);
  });
});
