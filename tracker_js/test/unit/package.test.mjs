/** The package as `npm pack` makes it, in a project of its own. test/browser/package.test.mjs runs it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { installPackage } from "../package/installed.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const read = (path) => readFile(path, "utf8");

describe("the npm package", () => {
  let installed;
  const inside = (path) => join(installed.folder, "node_modules/@ariane-cdp/tracker", path);
  const node = (code) => execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: installed.folder, encoding: "utf8" }).trim();

  before(async () => (installed = await installPackage()));
  after(() => installed?.remove());

  test("it holds the four scripts, the types, the recipes and the licence, and nothing else", async () => {
    const recipes = (await readdir(here("../../recipes"))).map((name) => `recipes/${name}`);
    const expected = ["LICENSE", "README.md", "dist/ariane.mjs", "dist/extras.mjs", "dist/t-extras.js", "dist/t.js", "package.json", "types/ariane.d.ts", ...recipes];
    assert.deepEqual(installed.files, expected.sort());
    assert.equal(await read(inside("LICENSE")), await read(here("../../../LICENSE")));
  });

  test("its classic scripts are those that the collector serves", async () => {
    for (const [packed, served] of [["t.js", "tracker.js"], ["t-extras.js", "tracker-extras.js"]]) {
      const text = await read(inside(`dist/${packed}`));
      assert.equal(text, await read(here(`../../../collector/static/${served}`)));
      assert.equal(node(`console.log(import.meta.resolve("@ariane-cdp/tracker/${packed}"))`), `file://${inside(`dist/${packed}`)}`);
    }
  });

  test("it can be imported where there is no page, as servers do that render one, and it touches nothing there", () => {
    const said = node(`
      const before = Object.getOwnPropertyNames(globalThis).length;
      const { start, ...rest } = await import("@ariane-cdp/tracker");
      console.log(typeof start, Object.keys(rest).length, Object.getOwnPropertyNames(globalThis).length - before);`);
    assert.equal(said, "function 0 0");
  });

  test("what is not exported is not reachable", () => {
    const said = node(`import("@ariane-cdp/tracker/dist/extras.mjs").then(() => console.log("reached"), (error) => console.log(error.code))`);
    assert.equal(said, "ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  test("a bundler leaves it out where it is imported and not used, and keeps the script that is imported for what it does", async () => {
    const bundled = async (contents) => {
      const { outputFiles } = await build({ stdin: { contents, resolveDir: installed.folder }, bundle: true, write: false, format: "esm", logLevel: "error" });
      return outputFiles[0].text;
    };
    assert.equal(await bundled('import { start } from "@ariane-cdp/tracker";'), "");
    assert.match(await bundled('import { start } from "@ariane-cdp/tracker"; start({});'), /start\(\) needs writeKey/);
    assert.match(await bundled('import "@ariane-cdp/tracker/t.js";'), /data-write-key/);
  });

  for (const options of [
    { module: "node16", moduleResolution: "node16" },
    { module: "esnext", moduleResolution: "bundler" },
  ]) {
    test(`its types hold with moduleResolution ${options.moduleResolution}, and refuse what is wrong`, async () => {
      await copyFile(here("../package/use.ts"), join(installed.folder, "use.ts"));
      assert.equal(await installed.tsc(options, "use.ts"), "");
      await writeFile(join(installed.folder, "wrong.ts"), 'import { start } from "@ariane-cdp/tracker";\nstart({ writeKey: 1, endpoint: "/" });\n');
      assert.match(await installed.tsc(options, "wrong.ts"), /wrong\.ts\(2,9\): error TS2322/);
    });
  }

  test("README's TypeScript compiles", async () => {
    const blocks = [...(await read(here("../../README.md"))).matchAll(/```ts\n([\s\S]*?)```/g)];
    assert.ok(blocks.length > 0);
    for (const [, code] of blocks) {
      await writeFile(join(installed.folder, "readme.ts"), code);
      assert.equal(await installed.tsc({ module: "esnext", moduleResolution: "bundler" }, "readme.ts"), "", code);
    }
  });
});
