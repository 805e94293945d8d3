import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { launch, missingBrowser, pageHtml, startSite } from "./harness.mjs";

const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
const blocks = (language) => [...readme.matchAll(new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g"))].map((match) => match[1]);

describe("README.md", { skip: missingBrowser() }, () => {
  test("every example runs, and the stub is the one the tests use", async () => {
    const stub = blocks("html").find((block) => block.includes("<script>"));
    assert.ok(pageHtml().replace(/\s+/g, " ").includes(stub.trim().replace(/\s+/g, " ")));
    const site = await startSite();
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(`${site.url}/a`);
      for (const block of blocks("js")) {
        const errors = await page.evaluate(async (code) => {
          const found = [];
          const stop = ariane.on("error", (error) => found.push(String(error)));
          const AsyncFunction = (async () => {}).constructor;
          await new AsyncFunction(code)();
          stop();
          return found;
        }, block);
        assert.deepEqual(errors, [], block);
      }
    } finally {
      await browser.close();
      await site.close();
    }
  });

  test("every public function has its section", async () => {
    for (const name of ["page", "track", "identify", "alias", "group", "reset", "consent", "ready", "on"]) assert.match(readme, new RegExp(`^### ${name}\\(`, "m"));
  });
});
