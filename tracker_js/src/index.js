/**
 * The script tag: `<script defer src="…/t.js" data-write-key="KEY"></script>`. Reads its own attributes and address,
 * and takes the place of the loader stub, whose waiting calls it makes.
 */
import { start } from "./core/start.js";
import { api, run } from "./core/tracker.js";

const script = document.currentScript || {};
const options = { global: "ariane", endpoint: ".", ...script.dataset };
const stub = self[options.global] || [];
// A theme and a tag manager may both have put us here.
if (!stub.version) {
  if (options.writeKey) {
    options.endpoint = new URL(options.endpoint.replace(/\/?$/, "/"), script.src).href;
    self[options.global] = api;
    const pending = [...stub];
    // Whoever kept a function of the stub goes on calling that.
    stub.push = run;
    start(options, pending, () => import(new URL("t-extras.js", script.src)));
  } else console.error("ariane: data-write-key?");
}
