/** How the tracker is bundled. esbuild is pinned: the same sources give the same bytes. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));

async function bundle(entry, format, define = {}) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format,
    minify: true,
    mangleProps: /^_[a-z]/,
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    define: { __VERSION__: JSON.stringify(version), ...define },
    logLevel: "warning",
  });
  return `/*! ariane.js ${version} | Apache-2.0 */\n${result.outputFiles[0].text}`;
}

/** The script tag's. */
export const bundleScript = () => bundle("src/index.js", "iife");
/** The same without src/extras: only to be weighed. */
export const bundleCore = () => bundle("src/index.js", "iife", { __CORE_ONLY__: "true" });
/** npm's. */
export const bundleModule = () => bundle("src/module.js", "esm");
