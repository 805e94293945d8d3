/** What the browser tests share: a Chromium and a Firefox, a collector that records, and pages to put the tracker on. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { bundleModule as buildModule } from "../../bundle.mjs";

const CANDIDATES = [
  process.env.CHROME_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome-stable",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
export const chromePath = CANDIDATES.find((path) => path && existsSync(path));

const FIREFOX_CANDIDATES = [process.env.FIREFOX_PATH, "/usr/bin/firefox-esr", "/usr/bin/firefox"];
export const firefoxPath = FIREFOX_CANDIDATES.find((path) => path && existsSync(path));

/** For `test(name, {skip})`: why the browser tests cannot run here, or false. In CI that is an error, not a skip. */
export const missingBrowser = () => missing(chromePath, `no Chromium: set CHROME_PATH, or install one as ${CANDIDATES.slice(1, 4).join(", ")}`);
export const missingFirefox = () => missing(firefoxPath, `no Firefox: set FIREFOX_PATH, or install one as ${FIREFOX_CANDIDATES.slice(1).join(", ")}`);

function missing(path, why) {
  if (path) return false;
  if (process.env.CI === "true") throw new Error(why);
  return why;
}

/** How to run the real collector: `ARIANE`, a list separated by spaces (`python -m sessionizer.cli`), or the one on the path. */
export const [arianeCommand, ...arianeArgs] = (process.env.ARIANE || "ariane").split(" ");
export const projectFolder = fileURLToPath(new URL("../../..", import.meta.url));

/** Like `missingBrowser`: why there is no collector to run, or false. */
export function missingCollector() {
  try {
    execFileSync(arianeCommand, [...arianeArgs, "--version"], { cwd: projectFolder, stdio: "ignore" });
    return false;
  } catch {
    const why = `no collector: set ARIANE to the command that runs it (now: ${arianeCommand})`;
    if (process.env.CI === "true") throw new Error(why);
    return why;
  }
}

export const chromeFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function launch(options = {}) {
  return puppeteer.launch({ executablePath: chromePath, headless: true, args: chromeFlags, ...options });
}

/** Firefox, over WebDriver BiDi. */
export async function launchFirefox(options = {}) {
  return puppeteer.launch({ browser: "firefox", executablePath: firefoxPath, headless: true, ...options });
}

/** A folder for a browser that comes back, and how to remove it. */
export async function profileFolder() {
  const path = await mkdtemp(join(tmpdir(), "ariane-browser-"));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }) };
}

const STUB = `<script>
  (function (w, n) {
    var a = (w[n] = w[n] || []);
    if (a.track) return;
    "page track identify alias group reset consent ready on".split(" ").forEach(function (m) {
      a[m] = function () {
        var c = [].slice.call(arguments);
        return new Promise(function (resolve) {
          a.push([m, c, resolve, Date.now()]);
        });
      };
    });
  })(window, "ariane");
</script>`;

/** A page with the loader stub, `inline` calls made before the tracker arrives, and the tracker. */
export function pageHtml({ attributes = "", inline = "", body = "", title = "A page" } = {}) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>${STUB}
<script>${inline}</script>
<script defer src="/t.js" data-write-key="wk" ${attributes}></script></head><body>${body}</body></html>`;
}

/**
 * A site and a collector on one origin, which keeps what it accepted.
 *
 * `missing` is a path that is not served, `late` has promises by path that answers wait for; `answer` may be set to a function `(body) => {status, headers, json} | "drop" | null`; null is the usual 200.
 */
export async function startSite() {
  const built = (name) => readFile(new URL(`../../../collector/static/${name}`, import.meta.url));
  const modules = await buildModule();
  const scripts = { "/t.js": await built("tracker.js"), "/t-extras.js": await built("tracker-extras.js"), "/ariane.mjs": modules["ariane.mjs"], "/extras.mjs": modules["extras.mjs"] };
  const site = { requests: [], events: [], pixels: [], devices: 0, pages: {}, headers: {}, answer: null, missing: null, late: {} };
  const server = createServer(async (request, response) => {
    const path = request.url.split("?")[0];
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    await site.late[path];
    if (path === site.missing) {
      response.writeHead(404).end();
    } else if (scripts[path]) {
      response.writeHead(200, { "Content-Type": "text/javascript" }).end(scripts[path]);
    } else if (path === "/v1/batch") {
      const body = JSON.parse(text);
      const answer = site.answer ? site.answer(body, request) : null;
      site.requests.push({ at: Date.now(), body, bytes: text.length, headers: request.headers, method: request.method, answer });
      if (answer === "drop") return request.socket.destroy();
      if (answer) {
        response.writeHead(answer.status, answer.headers || {}).end(JSON.stringify(answer.json || {}));
        if (answer.status !== 200) return undefined;
      } else {
        response.writeHead(200, { "Content-Type": "application/json" }).end('{"success": true}');
      }
      site.events.push(...body.batch);
    } else if (path === "/pixel.gif") {
      site.pixels.push(Object.fromEntries(new URL(request.url, site.url).searchParams));
      response.writeHead(200, { "Content-Type": "image/gif" }).end();
    } else if (path === "/v1/device") {
      const { anonymousId } = JSON.parse(text);
      if (!anonymousId) site.devices += 1;
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ anonymous_id: site.cookie || anonymousId || `device-${site.devices}` }));
    } else {
      const html = site.pages[path] ?? pageHtml({ title: `Page ${path}` });
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...site.headers }).end(html);
    }
    return undefined;
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.url = `http://127.0.0.1:${server.address().port}`;
  site.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  /** The names of what arrived, each message once: "page /path" or the track event's name, or the type. */
  site.names = () => unique(site.events).map((event) => (event.type === "page" ? `page ${event.context.page.path}` : event.event || event.type));
  site.named = (name) => unique(site.events).filter((event) => event.event === name || event.type === name);
  return site;
}

/** Each message once, in the order of their times. */
export function unique(events) {
  const byId = new Map(events.map((event) => [event.messageId, event]));
  return [...byId.values()].sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
}

/** Waits until `condition()` is truthy and gives it; fails after `timeoutMs` saying what was waited for. */
export async function until(what, condition, timeoutMs = 30_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await pause(25);
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
