import { takeBatch } from "./batch.js";
import { transact } from "./database.js";
import { flying, fresh, send, sendFresh } from "./delivery.js";
import { emit, guard, listen, on } from "./events.js";
import { certain, load, setWho, who } from "./identity.js";
import { changed, flushPage, returnToPage, startPages } from "./pages.js";
import { isFull, isMode, mode, setMode, setOptions, shared } from "./state.js";
import { read, write } from "./storage.js";
import { removeAll, rows, saveLocally, unsaved } from "./store.js";
import { leaveTab, returnToTab } from "./tab.js";
import { record, run, submitHeld } from "./tracker.js";
import { post } from "./transport.js";

/**
 * Starts watching. `pending` are the calls made before the script was here; `second()` gives a promise of the second file
 * (src/extras), which is loaded when the page has nothing else to do.
 */
export const start = (options, pending, second) => {
  setOptions(options);
  if (isMode(options.consent)) setMode(options.consent);

  // Clicks and submits wait for the second file, which knows what they mean.
  const early = [];
  let heard = (event) => early.push(event);
  for (const name of ["click", "submit"]) listen(self, name, (event) => heard(event));
  const hear = (work) => early.forEach((heard = guard(work)));
  shared._extras = new Promise((resolve) => (self.requestIdleCallback || setTimeout)(resolve, { timeout: 1e3 }))
    .then(second)
    .then(({ default: add }) =>
      // In the order of extras/index.js.
      add(shared, options, isFull, on, emit, guard, record, hear, changed, () => who, setWho, post, transact, read, write, unsaved, fresh, flying, send, certain, removeAll, takeBatch, rows),
    )
    .catch(() => (heard = () => {}));

  if (mode !== "denied") load();

  const leave = (ending) => {
    flushPage();
    emit("_leave", ending);
    if (ending) leaveTab();
    // What can be sent is sent first: a browser may end a page it closes in the middle of this.
    sendFresh(true);
    saveLocally();
  };
  // Never `unload`: it disables the back/forward cache, and phones do not fire it.
  // https://developer.chrome.com/docs/web-platform/deprecating-unload
  listen(document, "visibilitychange", () => document.hidden && leave());
  // Safari navigates away without visibilitychange: https://bugs.webkit.org/show_bug.cgi?id=151610
  listen(self, "pagehide", () => leave(true));
  listen(self, "pageshow", (event) => {
    if (!event.persisted) return;
    returnToTab();
    returnToPage();
  });

  pending.forEach(run);
  const begin = () => {
    submitHeld();
    if (!document.prerendering) startPages();
  };
  listen(document, "prerenderingchange", begin);
  guard(begin)();
};
