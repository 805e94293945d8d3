/** How the tracker is bundled. esbuild and terser are pinned: the same sources give the same bytes. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
// What one file writes and the other reads keeps its short name in every version: a browser may hold an older one of either.
const SHARED_NAMES = { _ask: "a", _extras: "e", _retry: "r", _tab: "t", _timezone: "z" };

async function bundle(entry, format) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    external: ["./extras.mjs"],
    write: false,
    format,
    minifySyntax: true,
    minifyWhitespace: true,
    mangleProps: /^_[a-z]/,
    mangleCache: { ...SHARED_NAMES },
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    define: { __VERSION__: JSON.stringify(version) },
    logLevel: "warning",
  });
  const { code } = await minify(result.outputFiles[0].text, {
    module: format === "esm",
    toplevel: true,
    ecma: 2020,
    compress: { passes: 3, inline: 2, unsafe_arrows: true, pure_getters: true, keep_fargs: false, unsafe: true, unsafe_methods: true },
    format: { comments: false },
  });
  return `${code}\n`;
}

/** The script tag's two files. */
export const bundleScript = async () => ({
  "tracker.js": await bundle("src/index.js", "iife"),
  "tracker-extras.js": await bundle("src/extras/index.js", "esm"),
});

/** The ES module's two. */
export const bundleModule = async () => ({
  "ariane.mjs": await bundle("src/module.js", "esm"),
  "extras.mjs": await bundle("src/extras/index.js", "esm"),
});

/** npm's four: the ES module's, and the script tag's under the names that a collector serves them by. */
export const bundlePackage = async (scripts) => ({
  ...(await bundleModule()),
  "t.js": scripts["tracker.js"],
  "t-extras.js": scripts["tracker-extras.js"],
});
