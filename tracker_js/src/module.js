/** The ES module: `import { start } from "@ariane-cdp/tracker"`. No global; the same tracker otherwise. */
import { start as begin } from "./core/start.js";

let started;

/** The running tracker for `{writeKey, endpoint, …}` (types/ariane.d.ts). Call it in a browser; a second call gives the first's. */
export function start(options) {
  if (!options.writeKey || !options.endpoint) throw new TypeError("ariane: start() needs writeKey and endpoint");
  if (!started) {
    // Throws where it is no address.
    const endpoint = new URL(options.endpoint, location.href).href;
    started = begin({ ...options, endpoint }, [], endpoint, () => import("./extras.mjs"));
  }
  return started;
}
