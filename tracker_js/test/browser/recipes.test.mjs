/** Each file of recipes/, as it is but for address and key, in Chromium, sending to the collector itself. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { startCollector } from "../loss/stage.mjs";
import { installPackage, tool } from "../package/installed.mjs";
import { arrived, filled, from, logged, named, startShop } from "../package/shop.mjs";
import { arianeArgs, arianeCommand, launch, missingBrowser, missingCollector, pause, projectFolder } from "./harness.mjs";

const LIBRARIES = ["react", "react-dom", "react-router", "vue", "vue-router", "@types/react"];
const ROOT = '<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><div id="root"></div><script src="/app.js"></script></body></html>';
// Longer than the tracker waits for a page's title, and than it waits before it sends.
const SETTLED_MS = 1_000;

const PRODUCT = ["page /products/7", "track Product Viewed"];

/** A visit through React's and Vue's shop: a product, into the cart, a login, a redirect, and back. Each route counts once. */
async function walk(page, log, add) {
  await log(1);
  await page.click("#product");
  await log(3);
  await page.click(add);
  await log(4);
  await page.click("#login");
  await log(5);
  await page.click("#old");
  await log(6);
  await page.goBack();
  await log(8);
  await pause(SETTLED_MS);
  assert.deepEqual(await log(8), ["page /", ...PRODUCT, "track Product Added", "identify", "page /cart", ...PRODUCT]);
}

describe("the recipes", { skip: missingBrowser() || missingCollector() }, () => {
  let installed, collector, browser;
  const closing = [];

  before(async () => {
    installed = await installPackage(LIBRARIES);
    collector = await startCollector();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    for (const close of closing) await close();
    await collector?.stop();
    await installed?.remove();
  });

  const pathOf = (name) => fileURLToPath(new URL(`../../recipes/${name}`, import.meta.url));
  const recipe = async (name) => filled(await readFile(pathOf(name), "utf8"), collector);

  /** A test's app beside the recipe it uses, as files of the project that installed the package. */
  async function bundled(app, name, options = {}) {
    await writeFile(join(installed.folder, name), await recipe(name));
    await copyFile(fileURLToPath(new URL(`../recipes/${app}`, import.meta.url)), join(installed.folder, app));
    const { outputFiles } = await build({
      entryPoints: [join(installed.folder, app)], bundle: true, write: false, format: "iife", jsx: "automatic", logLevel: "error",
      define: { "process.env.NODE_ENV": '"development"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
      ...options,
    });
    return outputFiles[0].text;
  }

  async function open(files, path = "/") {
    const shop = await startShop(files);
    closing.push(shop.close);
    const page = await (await browser.createBrowserContext()).newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    const visit = async (to) => {
      await page.goto(shop.url + to);
      await page.waitForFunction(() => performance.getEntriesByType("resource").some(({ name }) => /extras/.test(name)) || !document.querySelector('script[src$="/t.js"]'));
    };
    await visit(path);
    const log = async (count) => (await arrived(collector, count, from(shop.url))).map(named);
    return { page, shop, errors, log, visit };
  }

  test("plain page: views, a click and a newsletter", async () => {
    const { page, shop, errors, log } = await open({ "/": await recipe("plain-page.html") }, "/rope");
    await log(2);
    await page.click("article button");
    await page.type("input", "ada@example.com");
    await page.click("#newsletter button");
    assert.deepEqual(await log(4), ["page /rope", "track Product Viewed", "track Product Added", "identify"]);
    const [, , added, identify] = await logged(collector, from(shop.url));
    assert.deepEqual(added.properties, { currency: "EUR", product_id: "507f1f77", name: "Rope", price: 19.9, quantity: 1 });
    assert.deepEqual(identify.traits, { email: "ada@example.com" });
    assert.deepEqual(errors, []);
  });

  test("the lines that `ariane snippet --pin` prints take the place of the recipe's, and other bytes do not run", async () => {
    const lines = execFileSync(arianeCommand, [...arianeArgs, "snippet", "--pin", "--data", collector.folder, "--url", collector.url], { cwd: projectFolder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const html = await recipe("plain-page.html");
    const pinned = html.replace(/<script defer.*<\/script>/, lines);
    assert.notEqual(pinned, html);
    const good = await open({ "/": pinned }, "/pinned");
    assert.deepEqual(await good.log(2), ["page /pinned", "track Product Viewed"]);
    assert.deepEqual(good.errors, []);

    const tampered = pinned.replaceAll("sha384-", "sha384-A");
    const shop = await startShop({ "/": tampered });
    closing.push(shop.close);
    const page = await browser.newPage();
    await page.goto(`${shop.url}/tampered`);
    assert.equal(await page.evaluate(() => typeof window.ariane), "undefined");
  });

  test("React: every route once, under StrictMode, with a redirect and a way back", async () => {
    const { page, errors, log } = await open({ "/": ROOT, "/app.js": await bundled("react-app.jsx", "react.tsx") });
    await walk(page, log, "article button");
    assert.equal(await page.evaluate(() => window.effects), 2, "StrictMode ran each effect twice");
    // A reload is a page, and the visitor is known: nothing is said twice.
    await page.reload();
    await page.click("#login");
    await pause(SETTLED_MS);
    assert.deepEqual((await log(10)).slice(8), PRODUCT);
    assert.deepEqual(errors, []);
  });

  test("Vue: every route once, though the router replaces the state as it starts", async () => {
    const alias = { vue: tool("vue/dist/vue.esm-bundler.js") };
    const { page, errors, log } = await open({ "/": ROOT, "/app.js": await bundled("vue-app.js", "vue.ts", { alias }) });
    await walk(page, log, "#add");
    assert.deepEqual(errors, []);
  });

  test("Next: the layout is rendered on the server, hydrated without complaint, and routes count once", async () => {
    await bundled("next-app.jsx", "next-layout.tsx");
    const bundle = async (contents, platform) => {
      const { outputFiles } = await build({ stdin: { contents, resolveDir: installed.folder, loader: "jsx" }, bundle: true, write: false, platform, format: platform === "node" ? "cjs" : "iife", jsx: "automatic", define: { "process.env.NODE_ENV": '"development"' }, logLevel: "error" });
      return outputFiles[0].text;
    };
    const server = join(installed.folder, "server.cjs");
    await writeFile(server, await bundle('import { renderToString } from "react-dom/server"; import { page } from "./next-app.jsx"; process.stdout.write(renderToString(page));', "node"));
    const rendered = execFileSync(process.execPath, [server], { encoding: "utf8" });
    const client = await bundle('import { hydrateRoot } from "react-dom/client"; import { page } from "./next-app.jsx"; hydrateRoot(document, page); window.hydrated = true;', "browser");
    const files = { "/": `<!doctype html>${rendered.replace("</body>", '<script defer src="/app.js"></script></body>')}`, "/app.js": client };
    const { page, errors, log } = await open(files, "/shop");
    await page.waitForFunction(() => window.hydrated);
    // As `next/link` does it: https://nextjs.org/docs/app/getting-started/linking-and-navigating#native-history-api
    await page.evaluate(() => history.replaceState({ tree: 1 }, "", location.href));
    await log(1);
    await page.evaluate(() => history.pushState({ tree: 2 }, "", "/shop/ropes"));
    await log(2);
    await pause(SETTLED_MS);
    assert.deepEqual(await log(2), ["page /shop", "page /shop/ropes"]);
    assert.deepEqual(errors, []);
  });

  test("React, Next and Vue: the recipes' types hold", async () => {
    for (const name of ["react.tsx", "next-layout.tsx", "vue.ts"]) await copyFile(pathOf(name), join(installed.folder, name));
    const options = { module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", skipLibCheck: true };
    assert.equal(await installed.tsc(options, "react.tsx", "next-layout.tsx", "vue.ts"), "");
  });

  test("WordPress: the page's head, and an order that is told once however often its page is loaded", async () => {
    const file = join(installed.folder, "wordpress.php");
    await writeFile(file, await recipe("wordpress.php"));
    const php = (...hook) => execFileSync("php", ["-d", "error_reporting=-1", "-d", "display_errors=1", fileURLToPath(new URL("../recipes/wordpress.php", import.meta.url)), file, ...hook], { encoding: "utf8" });
    assert.equal(php("woocommerce_thankyou", "404"), "", "no order, nothing to say");
    const html = `<!doctype html><html lang="en"><head><title>Thanks</title><link rel="icon" href="data:,">${php("wp_head")}</head><body><h1>Thanks</h1>${php("woocommerce_thankyou", "5001")}</body></html>`;
    const { page, shop, errors, log, visit } = await open({ "/": html }, "/thanks");
    await log(2);
    await visit("/thanks?again");
    await log(3);
    await pause(SETTLED_MS);
    assert.deepEqual((await log(3)).sort(), ["page /thanks", "page /thanks", "track Order Completed"]);
    const order = (await logged(collector, from(shop.url))).find(({ event }) => event === "Order Completed");
    const name = "Rope </script><script>window.broken = 1</script> & Sons";
    assert.deepEqual(order.properties, { order_id: "5001", total: 44.8, tax: 7.15, shipping: 5, currency: "EUR", products: [{ product_id: "77", name, price: 19.9, quantity: 2 }] });
    assert.equal(await page.evaluate(() => window.broken), undefined);
    assert.deepEqual(errors, []);
  });

  describe("Google Tag Manager", () => {
    // As a tag manager puts HTML on a page, at its harshest: scripts are made anew, and keep their text, type and source alone.
    const inject = (html) => {
      const holder = document.createElement("div");
      holder.innerHTML = html;
      for (const old of holder.querySelectorAll("script")) {
        const script = document.createElement("script");
        for (const name of ["type", "src"]) if (old.getAttribute(name)) script.setAttribute(name, old.getAttribute(name));
        script.text = old.text;
        old.replaceWith(script);
      }
      document.body.append(...holder.childNodes);
    };
    const gtag = (consent) => `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"><script>
      window.dataLayer = window.dataLayer || [];
      function gtag() { dataLayer.push(arguments); }
      ${consent}
      dataLayer.push({ event: "view_item", ecommerce: { currency: "EUR", items: [{ item_id: "7", item_name: "Rope", price: 19.9 }] } });</script></head><body></body></html>`;
    const start = async (consent) => {
      const opened = await open({ "/": gtag(consent) }, "/gtm");
      await opened.page.evaluate(inject, await recipe("google-tag-manager.html"));
      await opened.page.waitForFunction(() => window.ariane.version);
      return opened;
    };

    test("without a default of consent everything is told, commerce from the dataLayer, too", async () => {
      const { log, errors, page } = await start("");
      assert.deepEqual(await log(2), ["page /gtm", "track Product Viewed"]);
      await page.evaluate(() => gtag("event", "add_to_cart", { items: [{ item_id: "7" }] }));
      assert.deepEqual(await log(3), ["page /gtm", "track Product Viewed", "track Product Added"]);
      assert.deepEqual(errors, []);
    });

    test("what happens before a yes is told after it, and after a no never", async () => {
      const asked = 'gtag("consent", "default", { analytics_storage: "denied", ad_storage: "denied" });';
      const [yes, no] = [await start(asked), await start(asked)];
      await pause(SETTLED_MS);
      for (const { shop } of [yes, no]) assert.deepEqual(await logged(collector, from(shop.url)), []);
      await no.page.evaluate(() => gtag("consent", "update", { analytics_storage: "denied" }));
      await yes.page.evaluate(() => gtag("consent", "update", { analytics_storage: "granted" }));
      assert.deepEqual(await yes.log(2), ["page /gtm", "track Product Viewed"]);
      await pause(SETTLED_MS);
      assert.deepEqual(await logged(collector, from(no.shop.url)), []);
      assert.deepEqual(await no.page.evaluate(() => Object.keys(localStorage)), []);
    });
  });

  test("Shopify: in its sandbox, with the visitor, the page and the time that Shopify says, each event once", async () => {
    const frame = `<!doctype html><script>
      const heard = [];
      window.analytics = { subscribe: (name, work) => heard.push([name, work]) };
      addEventListener("message", ({ data }) => heard.forEach(([name, work]) => name === "all_standard_events" && work(data)));</script>
      <script>${await recipe("shopify-pixel.js")}</script>`;
    const { page, errors } = await open({ "/": '<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body></body></html>' });
    // As a custom pixel is: https://shopify.dev/docs/api/web-pixels-api#custom-web-pixels
    await page.evaluate((srcdoc) => {
      const sandbox = document.createElement("iframe");
      Object.assign(sandbox, { sandbox: "allow-scripts allow-forms", srcdoc });
      document.body.append(sandbox);
      return new Promise((resolve) => (sandbox.onload = resolve));
    }, frame);
    const variant = { sku: "R-1", title: "10 m", price: { amount: 19.9, currencyCode: "EUR" }, product: { id: "77", title: "Rope" } };
    const at = (path, search = "") => ({ document: { location: { origin: "https://shop.example", pathname: path, search, href: `https://shop.example${path}${search}` }, title: "Shop", referrer: "" } });
    const told = [
      { name: "page_viewed", data: {}, context: at("/products/rope", "?utm_source=letter&key=secret") },
      { name: "product_viewed", data: { productVariant: variant }, context: at("/products/rope") },
      { name: "product_added_to_cart", data: { cartLine: { merchandise: variant, quantity: 2 } }, context: at("/products/rope") },
      { name: "cart_viewed", data: { cart: { lines: [{ merchandise: variant, quantity: 2 }], cost: { totalAmount: { amount: 39.8, currencyCode: "EUR" } } } }, context: at("/cart") },
      { name: "input_focused", data: {}, context: at("/cart") },
      { name: "checkout_completed", data: { checkout: { order: { id: "O1" }, totalPrice: { amount: 44.8, currencyCode: "EUR" }, lineItems: [{ variant, quantity: 2 }] } }, context: at("/checkouts/thanks") },
    ].map((event, index) => ({ id: `sh-${index}`, clientId: "client-1", timestamp: new Date(Date.now() - 60_000 + index * 1000).toISOString(), seq: index, type: "standard", ...event }));
    const mine = ({ message_id: id }) => id.startsWith("sh-");
    await page.evaluate((events) => [...events, events.at(-1)].forEach((event) => frames[0].postMessage(event, "*")), told);
    await arrived(collector, 5, mine);
    await pause(SETTLED_MS);
    const events = await logged(collector, mine);
    assert.deepEqual(events.map(named), ["page /products/rope", "track Product Viewed", "track Product Added", "track Cart Viewed", "track Order Completed"]);
    assert.deepEqual(new Set(events.map((event) => event.anonymous_id)), new Set(["client-1"]));
    assert.equal(events[0].context.page.url, "https://shop.example/products/rope?utm_source=letter");
    const rope = { product_id: "77", sku: "R-1", name: "Rope", variant: "10 m", price: 19.9, currency: "EUR" };
    assert.deepEqual(events.map(({ properties }) => properties).slice(1), [
      rope,
      { ...rope, quantity: 2 },
      { products: [{ ...rope, quantity: 2 }], currency: "EUR", value: 39.8 },
      { products: [{ ...rope, quantity: 2 }], currency: "EUR", order_id: "O1", total: 44.8 },
    ]);
    assert.deepEqual(errors, []);
  });
});
