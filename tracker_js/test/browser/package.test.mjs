/** The npm package in Chromium, sending to the collector itself: bundled, and as the classic script that is in it. */
import assert from "node:assert/strict";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { startCollector } from "../loss/stage.mjs";
import { installPackage } from "../package/installed.mjs";
import { arrived, from, named, startShop } from "../package/shop.mjs";
import { launch, missingBrowser, missingCollector } from "./harness.mjs";

const USE = fileURLToPath(new URL("../package/use.ts", import.meta.url));

describe("the npm package in a browser", { skip: missingBrowser() || missingCollector() }, () => {
  let installed, collector, browser;
  const closing = [];

  before(async () => {
    installed = await installPackage();
    collector = await startCollector();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    for (const close of closing) await close();
    await collector?.stop();
    await installed?.remove();
  });

  async function open(files) {
    const shop = await startShop(files);
    closing.push(shop.close);
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`${shop.url}/shoes`);
    return { page, shop, errors };
  }

  test("a bundled import does what its types say, in a file of its own and one for later", async () => {
    await copyFile(USE, join(installed.folder, "use.ts"));
    const { outputFiles } = await build({ entryPoints: [join(installed.folder, "use.ts")], bundle: true, splitting: true, minify: true, format: "esm", outdir: "/", write: false, logLevel: "error" });
    const files = Object.fromEntries(outputFiles.map(({ path, text }) => [path, text]));
    const { page, shop, errors } = await open({ ...files, "/": '<!doctype html><title>Shop</title><link rel="icon" href="data:,">' });
    const seen = await page.evaluate(
      async (key, url) => {
        const { use, members } = await import("/use.js");
        const { who, ariane } = await use(key, url);
        return { who, typed: Object.keys(members).sort(), there: Object.keys(ariane).sort(), global: typeof window.ariane };
      },
      collector.keys.write_key,
      collector.url,
    );
    assert.deepEqual(seen.there, seen.typed);
    assert.equal(seen.global, "undefined");
    const events = await arrived(collector, 10, from(shop.url));
    assert.deepEqual(events.map(named), ["track Dated", "page /shoes", "page /shoes", "track Product Added", "track Called back", "identify", "identify", "group", "alias", "track Logged Out"]);
    const [dated, , catalogue, added, , login] = events;
    assert.deepEqual([dated.timestamp, dated.message_id], ["2026-05-01T10:00:00.000Z", "mine-1"]);
    assert.deepEqual(catalogue.properties, { category: "Catalogue", shown: 24 });
    assert.deepEqual(added.properties, { product_id: "1", price: 19.9, tags: ["new", null], seen: "1970-01-01T00:00:00.000Z" });
    assert.equal(login.anonymous_id, seen.who.anonymousId);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("the classic script in it works from any folder, and finds its second file there", async () => {
    const dist = (name) => readFile(join(installed.folder, "node_modules/@ariane-cdp/tracker/dist", name), "utf8");
    const { page, shop, errors } = await open({
      "/assets/t.js": await dist("t.js"),
      "/assets/t-extras.js": await dist("t-extras.js"),
      "/": `<!doctype html><title>Shop</title><link rel="icon" href="data:,"><script defer src="/assets/t.js" data-write-key="${collector.keys.write_key}" data-endpoint="${collector.url}"></script>
        <button data-ariane-event="Product Added" data-ariane-product-id="1">Add</button>`,
    });
    await page.waitForFunction(() => performance.getEntriesByName(new URL("/assets/t-extras.js", location).href).length === 1);
    await page.click("button");
    const events = await arrived(collector, 2, from(shop.url));
    assert.deepEqual(events.map(named), ["page /shoes", "track Product Added"]);
    assert.deepEqual(errors, []);
    await page.close();
  });
});
