import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { begun, context, onFreshPages, page, site } from "./fresh-page.mjs";
import { missingBrowser, pageHtml, pause, until } from "./harness.mjs";

describe("identity and consent", { skip: missingBrowser() }, () => {
  onFreshPages();

  const kept = () =>
    page.evaluate(async () => ({
      local: Object.keys(localStorage),
      session: Object.keys(sessionStorage),
      databases: (await indexedDB.databases()).map((database) => database.name),
      cookie: document.cookie,
    }));
  const isNew = (tab) => tab.evaluate(async () => JSON.stringify(await ariane.ready()) === '{"anonymousId":"device-1","userId":null}');
  const NOTHING = { local: [], session: [], databases: [], cookie: "" };

  test("a user stays on later events and pages, what identifies them does not", async () => {
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      ariane.identify(42, { email: "ada@example.com" });
      ariane.track("Seen");
    });
    await until("the event", () => site.named("Seen").length);
    await page.goto(`${site.url}/b`);
    await until("the next page", () => site.names().includes("page /b"));
    const [identify] = site.named("identify");
    assert.equal(identify.userId, "42");
    assert.deepEqual(identify.traits, { email: "ada@example.com" });
    assert.equal(site.named("Seen")[0].userId, "42");
    assert.equal(site.named("page").at(-1).userId, "42");
    const others = site.events.filter((event) => event.type !== "identify");
    assert.ok(!JSON.stringify(others).includes("ada@"));
    assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...localStorage }))).includes("ada@"));
    assert.equal(new Set(site.events.map((event) => event.anonymousId)).size, 1);
  });

  test("a proof travels with every event that names its user, and is kept nowhere", async () => {
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      ariane.identify("u1", {}, { proof: "header.payload.signature" });
      ariane.track("Proven");
    });
    await until("the event", () => site.named("Proven").length);
    for (const event of [...site.named("identify"), ...site.named("Proven")]) {
      assert.equal(event.userId, "u1");
      assert.equal(event.context.identityProof, "header.payload.signature");
    }
    assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...localStorage, ...sessionStorage }))).includes("signature"));
    await page.goto(`${site.url}/b`);
    await until("the next page", () => site.names().includes("page /b"));
    const next = site.named("page").at(-1);
    assert.equal(next.userId, undefined);
    assert.equal(next.context.identityProof, undefined);
  });

  test("reset says so as the old person and goes on as a new one with the collector's id", async () => {
    await page.goto(`${site.url}/a`);
    await page.mouse.move(5, 5);
    await page.mouse.move(9, 9);
    await pause(300);
    await page.evaluate(async () => {
      await ariane.identify("u1");
      ariane.reset();
      ariane.track("Afterwards");
    });
    await until("the event", () => site.named("Afterwards").length);
    const [identify] = site.named("identify");
    const [out] = site.named("Logged Out");
    const [next] = site.named("Afterwards");
    assert.equal(out.userId, "u1");
    assert.equal(out.anonymousId, identify.anonymousId);
    assert.equal(site.named("Page Left")[0].userId, "u1");
    assert.equal(next.userId, undefined);
    assert.equal(next.anonymousId, "device-1");
    assert.equal(site.devices, 1);
    await page.goto(`${site.url}/b`);
    await until("the next page", () => site.names().includes("page /b"));
    assert.equal(site.named("page").at(-1).anonymousId, "device-1");
  });

  test("a logout in one tab is one in the others", async () => {
    const other = await context.newPage();
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.identify("u1"));
    await other.goto(`${site.url}/b`);
    await page.evaluate(() => ariane.reset());
    await until("the other tab's new device", () => isNew(other));
    await other.evaluate(() => ariane.track("Elsewhere"));
    await until("the event", () => site.named("Elsewhere").length);
    const [event] = site.named("Elsewhere");
    assert.deepEqual([event.anonymousId, event.userId], ["device-1", undefined]);
  });

  test("a logout in one tab is one in a tab whose second file comes after it", async () => {
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.identify("u1"));
    await until("the login", () => site.named("identify").length);
    const other = await context.newPage();
    let come;
    site.late["/t-extras.js"] = new Promise((resolve) => (come = resolve));
    await other.goto(`${site.url}/b`);
    await page.evaluate(() => ariane.reset());
    assert.ok(await isNew(page));
    assert.ok(!(await isNew(other)));
    come();
    await until("the other tab's new device", () => isNew(other));
    const kept = await other.evaluate(() => new Promise((resolve) => {
      indexedDB.open("ariane").onsuccess = ({ target }) => {
        target.result.transaction("queue").objectStore("queue").get("ariane_id").onsuccess = (found) => resolve(found.target.result);
      };
    }));
    assert.deepEqual([kept.device, kept.user], ["device-1", undefined]);
  });

  test("reset while offline still makes somebody new", async () => {
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    await page.setOfflineMode(true);
    await page.evaluate(async () => {
      await ariane.reset();
      await ariane.track("Afterwards");
    });
    await page.setOfflineMode(false);
    await until("the event", () => site.named("Afterwards").length);
    const [next] = site.named("Afterwards");
    assert.match(next.anonymousId, /^[0-9a-f-]{36}$/);
    assert.notEqual(next.anonymousId, site.named("page")[0].anonymousId);
  });

  test("alias, group, ready and callbacks keep Segment's order of arguments", async () => {
    await page.goto(`${site.url}/a`);
    const who = await page.evaluate(async () => {
      let called = 0;
      const count = () => (called += 1);
      await ariane.identify("u1", count);
      await ariane.alias("u2");
      await ariane.alias("u3", "old", count);
      await ariane.group("g1", { plan: "gold" }, { context: { ip: "0.0.0.0" } }, count);
      await ariane.track("Timed", null, { timestamp: new Date(0) }, count);
      return { ...(await ariane.ready(count)), called };
    });
    await until("all", () => site.named("Timed").length);
    assert.equal(who.called, 5);
    assert.equal(who.userId, "u1");
    assert.equal(who.anonymousId, site.events[0].anonymousId);
    assert.deepEqual(site.named("alias").map(({ userId, previousId }) => [userId, previousId]), [["u2", "u1"], ["u3", "old"]]);
    const [group] = site.named("group");
    assert.deepEqual([group.groupId, group.traits, group.context.ip], ["g1", { plan: "gold" }, "0.0.0.0"]);
    assert.equal(site.named("Timed")[0].timestamp, "1970-01-01T00:00:00.000Z");
  });

  test("without consent nothing is stored or sent; after it everything is, with its original time", async () => {
    site.pages["/a"] = pageHtml({ attributes: 'data-consent="denied"', inline: `ariane.track("Before", {at: Date.now()})` });
    // One that came before the login is nobody's yet.
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => void ariane.identify("u1"));
    await pause(1000);
    assert.equal(site.requests.length, 0);
    assert.deepEqual(await kept(), NOTHING);
    await page.evaluate(() => void ariane.consent("full"));
    await until("all", () => site.events.length === 3);
    const [before] = site.named("Before");
    assert.ok(Math.abs(Date.parse(before.timestamp) - before.properties.at) < 50);
    assert.equal(before.context.consent.mode, "full");
    assert.ok(before.anonymousId);
    assert.equal(before.userId, undefined);
    assert.equal(site.named("identify")[0].userId, "u1");
  });

  test("a no forgets what was held, and a yes taken back forgets what is stored", async () => {
    site.pages["/a"] = pageHtml({ attributes: 'data-consent="denied"' });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => ariane.consent("denied"));
    await page.evaluate(() => ariane.track("Unheard"));
    await pause(600);
    assert.equal(site.requests.length, 0);
    await page.evaluate(() => {
      ariane.consent("full");
      ariane.track("Heard");
    });
    await until("the event", () => site.named("Heard").length);
    assert.deepEqual(site.names(), ["Heard"]);
    await page.evaluate(() => ariane.consent("denied"));
    await pause(300);
    const left = await kept();
    assert.deepEqual({ ...left, databases: [] }, NOTHING);
    const rows = await page.evaluate(
      () =>
        new Promise((resolve) => {
          indexedDB.open("ariane").onsuccess = ({ target }) => {
            const count = target.result.transaction("queue").objectStore("queue").count();
            count.onsuccess = () => resolve(count.result);
          };
        }),
    );
    assert.equal(rows, 0);
  });

  test("anonymous: events are sent, no identifier is kept or names a person, and each page view is somebody else", async () => {
    site.pages["/a"] = pageHtml({ attributes: 'data-consent="anonymous"' });
    await page.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
    await page.goto(`${site.url}/a`);
    await begun();
    await page.evaluate(() => {
      ariane.track("One");
      ariane.identify("u1", { email: "ada@example.com" });
      history.pushState({}, "", "/b");
      ariane.track("Two");
    });
    await until("the events", () => site.named("Two").length);
    await pause(400);
    const one = site.named("One")[0];
    const [first, second] = site.named("page");
    assert.equal(one.anonymousId, first.anonymousId);
    assert.notEqual(second.anonymousId, first.anonymousId);
    assert.deepEqual(site.named("identify"), []);
    assert.ok(site.events.every((event) => event.userId === undefined));
    assert.deepEqual(await kept(), NOTHING);
  });

  test("Global Privacy Control and Do Not Track are passed on", async () => {
    await page.evaluateOnNewDocument(() => {
      Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { value: true });
      Object.defineProperty(Navigator.prototype, "doNotTrack", { value: "1" });
    });
    await page.goto(`${site.url}/a`);
    await until("the page view", () => site.events.length);
    assert.deepEqual(site.events[0].context.consent, { mode: "full", gpc: true, dnt: true });
  });
});
