/** What a tracker loads and does on a page, seen in a real Chromium by a server that is its script host and its collector. */
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { transform } from "esbuild";
import { launch, pause, until } from "../test/browser/harness.mjs";

// Longer than any of them waits before it sends, and than their first retries.
const QUIET_MS = 4_000;
const RETRY_MS = 20_000;

const gzipped = (code) => gzipSync(code, { level: 9 }).length;

/** The smaller of what was published and what esbuild makes of it: nobody is measured by comments or long names. */
async function minified(file) {
  const published = await readFile(file, "utf8");
  const { code } = await transform(published, { minify: true, legalComments: "none" });
  return gzipped(code) < gzipped(published) ? code : published;
}

function readable(body) {
  const text = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body).toString() : body.toString();
  try {
    return `${text} ${decodeURIComponent(text)}`;
  } catch {
    return text; // not an encoded form: it is read as it is
  }
}

async function serve(tracker, folder) {
  const names = new Set((await readdir(folder)).filter((name) => /\.m?js$/.test(name)));
  const site = { loaded: new Map(), sent: [], down: false };
  const answer = async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, "http://here");
    const headers = { "Access-Control-Allow-Origin": request.headers.origin || "*", "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Headers": request.headers["access-control-request-headers"] || "*" };
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    const named = basename(url.pathname);
    const file = (tracker.served || {})[named] || named;
    if (names.has(file)) {
      const code = await minified(join(folder, file));
      site.loaded.set(file, { bytes: gzipped(code), code });
      return response.writeHead(200, { ...headers, "Content-Type": "text/javascript" }).end(code);
    }
    if (url.pathname.startsWith("/page/")) return response.writeHead(200, { "Content-Type": "text/html" }).end(`<!doctype html><title>Page</title><head>${tracker.head(site.url)}</head><h1>Page</h1>`);
    if (site.down) return request.socket.destroy();
    site.sent.push(`${url.pathname} ${readable(Buffer.from(url.search))} ${readable(Buffer.concat(chunks))}`);
    const found = Object.entries(tracker.answers).find(([path]) => url.pathname.startsWith(path));
    const said = found ? found[1] : {};
    return response.writeHead(200, { ...headers, "Content-Type": "application/json" }).end(JSON.stringify(typeof said === "function" ? said(site.url) : said));
  };
  const server = createServer((request, response) => answer(request, response).catch((error) => response.destroy(error)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.url = `http://127.0.0.1:${server.address().port}`;
  site.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  site.heard = (text) => site.sent.some((sent) => sent.includes(text));
  return site;
}

const FUNCTIONS = ["track", "page", "identify", "group", "alias", "reset"];

/** `{loaded: [{file, bytes}], code, pageView, routeChange, kept, functions}` */
export async function visit(tracker, folder) {
  const site = await serve(tracker, folder);
  const browser = await launch({ args: ["--no-sandbox", "--disable-blink-features=AutomationControlled"] });
  try {
    const context = await browser.createBrowserContext();
    const userAgent = (await browser.userAgent()).replace("Headless", "");
    const open = async (path) => {
      const page = await context.newPage();
      await page.setUserAgent({ userAgent });
      await page.goto(site.url + path);
      await until(`${tracker.name} on ${path}`, () => page.evaluate(`typeof ${tracker.api} === "object" && !Array.isArray(${tracker.api})`).catch(() => false));
      return page;
    };
    const first = await open("/page/first");
    await pause(QUIET_MS);
    const pageView = site.heard("/page/first");
    await first.evaluate(() => history.pushState({}, "", "/page/second"));
    await pause(QUIET_MS);
    const routeChange = site.heard("/page/second");
    const functions = await first.evaluate((api, names) => names.filter((name) => typeof new Function(`return ${api}`)()[name] === "function"), tracker.api, FUNCTIONS);
    await first.evaluate(tracker.track);
    await until(`${tracker.name} to send an event`, () => site.heard("Kept event"));
    await first.close();

    // An event with the collector out of reach, the page closed, the collector back, and another visit.
    const second = await open("/page/third");
    await pause(QUIET_MS);
    site.down = true;
    site.sent.length = 0;
    await second.evaluate(tracker.track);
    await pause(1_000);
    await second.close();
    site.down = false;
    const third = await open("/page/fourth");
    const end = Date.now() + RETRY_MS;
    while (!site.heard("Kept event") && Date.now() < end) await pause(200);
    const kept = site.heard("Kept event");
    await third.close();
    return {
      loaded: [...site.loaded].map(([file, { bytes }]) => ({ file, bytes })),
      code: [...site.loaded.values()].map(({ code }) => code).join("\n"),
      pageView,
      routeChange,
      kept,
      functions,
    };
  } finally {
    await browser.close();
    await site.close();
  }
}
