import { takeBatch } from "./batch.js";
import { transact } from "./database.js";
import { flying, fresh, send, sendFresh } from "./delivery.js";
import { emit, guard, listen, on } from "./events.js";
import { asking, load, setWho, who } from "./identity.js";
import { changed, flushPage, returnToPage, startPages } from "./pages.js";
import { idle } from "./pause.js";
import { isFull, isMode, mode, setMode, setOptions, shared } from "./state.js";
import { read, write } from "./storage.js";
import { removeAll, rows, saveLocally, unsaved } from "./store.js";
import { leaveTab, returnToTab } from "./tab.js";
import { api, record, run, submitHeld } from "./tracker.js";
import { post } from "./transport.js";
import { VERSION } from "./version.js";

const SOON_MS = 50;

const leave = (ending) => {
  flushPage();
  emit("_leave", ending);
  if (ending) leaveTab();
  // What can be sent is sent first: a browser may end a page it closes in the middle of this.
  sendFresh(true);
  saveLocally();
};

const watchLeaving = () => {
  // Never `unload`: it disables the back/forward cache, and phones do not fire it.
  // https://developer.chrome.com/docs/web-platform/deprecating-unload
  listen("visibilitychange", () => document.hidden && leave());
  // Safari navigates away without visibilitychange: https://bugs.webkit.org/show_bug.cgi?id=151610
  listen("pagehide", leave);
  listen("pageshow", (event) => {
    if (!event.persisted) return;
    returnToTab();
    returnToPage();
  });
};

const show = () => {
  submitHeld();
  if (!document.prerendering) startPages();
};

/** Reads the browser's storage and sees the first page; the calls that waited are made, those of the `stub` before that. */
const begin = (options, stub, calls) => {
  if (isMode(options.consent)) setMode(options.consent);
  watchLeaving();
  if (mode !== "denied") load();
  // Whoever kept a function of the stub goes on calling that.
  stub.push = calls.push = run;
  stub.forEach(run);
  listen("prerenderingchange", show);
  guard(show)();
  calls.forEach(run);
};

/**
 * Starts watching, and gives the functions of the global. `stub` holds the calls made before the script was here,
 * `base` is what the endpoint is relative to, and `second()` gives a promise of the second file (src/extras), which is
 * loaded when the page has nothing else to do.
 *
 * The page's own task, in which this runs, has nothing done that can wait: to read what a browser stored takes a slow
 * processor 10 ms and more. So it begins when there is time, a twentieth of a second later at most, or as the page is left.
 */
export const start = (options, stub, base, second) => {
  setOptions(options);

  const calls = [];
  const global = { version: VERSION, on };
  // Once it has begun these are as good as `api`'s own: `run` makes a call at once.
  for (const name in api) global[name] = (...args) => new Promise((resolve) => calls.push([name, args, resolve, Date.now()]));

  // Clicks and submits wait for the second file, which knows what they mean.
  const early = [];
  for (const name of ["click", "submit"]) listen(name, (event) => early.push(event));

  shared._extras = idle(SOON_MS)
    .then(() => {
      begin(options, stub, calls);
      options.endpoint = new URL(options.endpoint.replace(/\/?$/, "/"), base);
      return idle(500);
    })
    .then(second)
    .then((extras) =>
      // In the order of extras/inside.js.
      extras.default(shared, options, isFull, on, emit, guard, record, early, changed, () => who, setWho, post, transact, read, write, unsaved, fresh, flying, send, () => asking, removeAll, takeBatch, rows),
    )
    .catch((error) => {
      early.push = () => {};
      emit("error", error);
    });

  return global;
};
