/** The ES module: `import { start } from "@ariane-cdp/tracker"`. No global; the same tracker otherwise. */
import { createTracker } from "./core/tracker.js";
import { attributes } from "./extras/attributes.js";
import { engagement } from "./extras/engagement.js";

/** A running tracker for `{writeKey, endpoint, …}` (types/ariane.d.ts). Call it in a browser, once. */
export function start(options) {
  if (!options.writeKey || !options.endpoint) throw new TypeError("ariane: start() needs writeKey and endpoint");
  const endpoint = new URL(options.endpoint.replace(/\/?$/, "/"), location.href).href;
  const tracker = createTracker({ ...options, endpoint }, [engagement, attributes]);
  tracker._start([]);
  return tracker._api;
}
