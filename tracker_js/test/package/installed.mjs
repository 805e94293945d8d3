/** The package as npm packs it, installed into a project of its own: no network, no links back to the sources. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The programs and libraries of tracker_js, by their paths. */
export const tool = (path) => join(root, "node_modules", path);

/**
 * `{folder, files, tsc(options), remove()}`: `files` are those of the tarball. `libraries` of tracker_js/node_modules, e.g. `react`,
 * are there for the project as well.
 */
export async function installPackage(libraries = []) {
  const folder = await mkdtemp(join(tmpdir(), "ariane-package-"));
  const npm = (...args) => run("npm", [...args, "--no-audit", "--no-fund", "--offline", "--update-notifier=false"], { cwd: args[0] === "pack" ? root : folder });
  const { stdout } = await npm("pack", "--json", "--silent", "--pack-destination", folder);
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.search(/^\[/m)));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "shop", private: true, type: "module" }));
  await npm("install", `./${filename}`);
  for (const library of libraries) {
    await mkdir(join(folder, "node_modules", library, ".."), { recursive: true });
    await symlink(tool(library), join(folder, "node_modules", library));
  }
  return {
    folder,
    files: files.map(({ path }) => path).sort(),
    /** Type-checks as `options` say; gives what TypeScript has against it, "" when nothing. */
    tsc: async (options, ...inputs) => {
      const compilerOptions = { strict: true, noEmit: true, target: "es2022", lib: ["es2022", "dom"], types: [], exactOptionalPropertyTypes: true, ...options };
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: inputs }));
      return run(process.execPath, [tool("typescript/bin/tsc"), "-p", folder]).then(() => "", ({ stdout: said }) => said || "tsc failed and said nothing");
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
