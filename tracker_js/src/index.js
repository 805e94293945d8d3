/**
 * The script tag: `<script defer src="…/t.js" data-write-key="KEY"></script>`. Reads its own attributes and address,
 * and takes the place of the loader stub, whose waiting calls it makes.
 */
import { createTracker } from "./core/tracker.js";
import { attributes } from "./extras/attributes.js";
import { engagement } from "./extras/engagement.js";

const EXTRAS = typeof __CORE_ONLY__ === "boolean" ? [] : [engagement, attributes];

(() => {
  const script = document.currentScript;
  const data = (script && script.dataset) || {};
  const name = data.global || "ariane";
  const stub = window[name];
  // A theme and a tag manager may both have put us here.
  if (stub && stub.version) return;
  if (!data.writeKey) {
    console.error("ariane: the script tag needs data-write-key");
    return;
  }
  const tracker = createTracker(
    {
      writeKey: data.writeKey,
      endpoint: new URL((data.endpoint || ".").replace(/\/?$/, "/"), script.src).href,
      consent: data.consent,
      autoPage: data.autoPage !== "false",
      hash: data.hash === "true",
      credentials: data.credentials,
    },
    EXTRAS,
  );
  window[name] = tracker._api;
  const pending = Array.isArray(stub) ? stub.splice(0) : [];
  // Whoever kept a function of the stub goes on calling that.
  if (stub) stub.push = (call) => tracker._run(call);
  tracker._start(pending);
})();
