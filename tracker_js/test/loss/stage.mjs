/** What the loss trials play on: a collector that can die, a network that can fail, a shop, and a browser that can be killed. */
import { execFileSync, spawn } from "node:child_process";
import { appendFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { arianeArgs, arianeCommand, chromeFlags, chromePath, firefoxPath, profileFolder, projectFolder, until } from "../browser/harness.mjs";

const listening = (server, port = 0) => new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server.address().port)));

/** A collector on a folder of its own: `{url, keys, folder, start(), die(), stop(), events()}`. Its url is the network's, which may fail. */
export async function startCollector() {
  const folder = await profileFolder();
  const probe = createTcpServer();
  const port = await listening(probe);
  await new Promise((resolve) => probe.close(resolve));
  let child;
  let said = "";
  const collector = { online: true, folder: folder.path };
  collector.start = async () => {
    child = spawn(arianeCommand, [...arianeArgs, "serve", "--data", folder.path, "--port", String(port)], { cwd: projectFolder });
    child.stderr.on("data", (chunk) => (said += chunk));
    const ready = () => {
      if (child.exitCode !== null) throw new Error(`the collector did not start: ${said.slice(-2000)}`);
      return fetch(`http://127.0.0.1:${port}/readyz`).then((answer) => answer.ok, () => false);
    };
    await until("the collector", ready, 120_000);
  };
  const end = async (signal) => {
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  };
  /** The power goes. */
  collector.die = () => end("SIGKILL");

  const sockets = new Set();
  const network = createTcpServer((near) => {
    if (!collector.online) return near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.on("error", () => {}); // the other side hears of it by `close`
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
    return undefined;
  });
  collector.url = `http://127.0.0.1:${await listening(network)}`;
  collector.cut = () => {
    collector.online = false;
    sockets.forEach((socket) => socket.destroy());
  };
  collector.mend = () => (collector.online = true);

  await collector.start();
  const keys = (collector.keys = JSON.parse(execFileSync(arianeCommand, [...arianeArgs, "keys", "--data", folder.path, "--json"], { cwd: projectFolder })));
  collector.events = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/export/events`, { headers: { Authorization: `Bearer ${keys.api_key}` } });
    return (await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  };
  collector.stop = async () => {
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => network.close(resolve));
    await end("SIGTERM");
    await folder.remove();
  };
  return collector;
}

/** A shop of one page at every path, another origin than the collector's: `{url, close()}`. */
export async function startShop(collector) {
  const server = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end(`<!doctype html><title>Shop</title><link rel="icon" href="data:,"><script defer src="${collector.url}/t.js" data-write-key="${collector.keys.write_key}"></script>`);
  });
  const port = await listening(server);
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A browser with a profile that outlives it: `{open(), kill(), close()}`. `name` is chromium or firefox. */
export async function startBrowser(name) {
  const profile = await profileFolder();
  const options = name === "firefox" ? { browser: "firefox", executablePath: firefoxPath } : { executablePath: chromePath, args: chromeFlags };
  const launch = () => puppeteer.launch({ headless: true, userDataDir: profile.path, timeout: 120_000, protocolTimeout: 120_000, ...options });
  let browser = await launch();
  return {
    open: () => browser.newPage(),
    /** Nobody tells the pages. */
    kill: async () => {
      const child = browser.process();
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      // Puppeteer means to put these back when the browser is closed, and trips over its own copies when it was not.
      for (const preferences of name === "firefox" ? ["prefs.js", "user.js"] : []) {
        await rm(join(profile.path, `${preferences}.puppeteer`), { force: true });
        await appendFile(join(profile.path, preferences), "");
      }
      browser = await launch();
    },
    close: async () => {
      await browser.close();
      await profile.remove();
    },
  };
}
