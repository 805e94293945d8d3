import { readPage } from "./context.js";
import { emit, guard, listen } from "./events.js";
import { renewAnonymous } from "./identity.js";
import { isOn } from "./state.js";
import { record } from "./tracker.js";

// Frameworks change the address first and the title when they have rendered.
const SETTLE_MS = 100;

/**
 * Page views: the first, each change of path within the page, each return from the back/forward cache.
 *
 * A page is its path, with `hash` its fragment too. What is counted, by us or by a `page()` of the site's own, is not
 * counted again until the path is another one: frameworks that replace the state on start double nothing, nor does a
 * site that ports its own `page()` calls. After a change of route a moment passes, so that the title is the new one and
 * a redirect is one page view; anything tracked meanwhile lets the page view go first.
 */
let counted; // the key of the page counted last, and what it was
let page;
let referrer; // within the site; the first page has its document's
let timer;
let left;

const keyOf = () => location.pathname.replace(/(.)\/+$/, "$1") + (isOn("hash") ? location.hash : "");
const automatic = () => isOn("autoPage", "true");

/** The page an event happens on. */
export const currentPage = () => left || readPage(referrer);

export const view = (fields = { properties: {} }, given) => {
  timer = clearTimeout(timer);
  turn();
  if (counted) renewAnonymous();
  counted = keyOf();
  page = currentPage();
  const saved = record("page", fields, given);
  emit("_view");
  return saved;
};

/** The address names another page than the one counted: that one is left, with its own address and title. */
const turn = () => {
  if (!page || keyOf() === counted) return;
  left = page;
  emit("_turn");
  referrer = page.url;
  left = page = undefined;
};

export const flushPage = () => {
  if (timer && keyOf() !== counted) view();
  timer = clearTimeout(timer);
};

/** The address may have changed. */
export const changed = () => {
  if (!automatic() || keyOf() === counted) return;
  turn();
  clearTimeout(timer);
  timer = setTimeout(guard(flushPage), SETTLE_MS);
};

/** Where there is no Navigation API, the second file watches the History API (extras/history.js). */
export const startPages = () => {
  if (!automatic()) return;
  if (self.navigation) listen("currententrychange", changed, navigation);
  if (keyOf() !== counted) view();
};

/** Back from the back/forward cache: a view of its own, that nobody referred but the site itself. */
export const returnToPage = () => {
  referrer = location.href;
  if (automatic()) view();
};
