/**
 * The script tag: `<script defer src="…/t.js" data-write-key="KEY"></script>`. Reads its own attributes and address,
 * and takes the place of the loader stub, whose waiting calls it makes.
 */
import { start } from "./core/start.js";

const script = document.currentScript || {};
const options = { global: "ariane", endpoint: ".", ...script.dataset };
const stub = self[options.global] || [];
// A theme and a tag manager may both have put us here.
if (!stub.version) {
  if (options.writeKey) self[options.global] = start(options, stub, script.src, () => import(new URL("t-extras.js", script.src)));
  else console.error("ariane: data-write-key?");
}
