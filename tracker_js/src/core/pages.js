import { readPage } from "./context.js";

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
export function createPages(inside) {
  const { _options, _emit, _guard } = inside;
  const keyOf = () => location.pathname.replace(/(.)\/+$/, "$1") + (_options.hash ? location.hash : "");
  let counted; // the key of the page counted last, and what it was
  let page;
  let referrer = document.referrer;
  let timer;

  /** The page an event happens on. */
  const current = () => readPage(referrer);

  const view = (fields, given, at) => {
    clearTimeout(timer);
    timer = 0;
    turn();
    const again = counted !== undefined;
    counted = keyOf();
    page = current();
    if (again) inside._renewAnonymous();
    const saved = inside._record("page", fields, given, at);
    _emit("_view");
    return saved;
  };

  /** The address names another page than the one counted: that one is left, with its own address and title. */
  const turn = () => {
    if (!page || keyOf() === counted) return;
    inside._page = page;
    _emit("_turn");
    inside._page = undefined;
    referrer = page.url;
    page = undefined;
  };

  const flush = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    if (keyOf() !== counted) return view({ properties: {} }, {});
  };

  const changed = _guard(() => {
    if (keyOf() === counted) return;
    turn();
    clearTimeout(timer);
    timer = setTimeout(_guard(flush), SETTLE_MS);
  });

  const watch = () => {
    if (window.navigation && navigation.addEventListener) {
      navigation.addEventListener("currententrychange", changed);
      return;
    }
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function () {
        const result = original.apply(this, arguments);
        changed();
        return result;
      };
    }
    addEventListener("popstate", changed);
  };

  return {
    _current: current,
    _flush: flush,
    _view: view,
    _start() {
      if (_options.autoPage === false) return;
      watch();
      if (keyOf() !== counted) return view({ properties: {} }, {});
    },
    /** Back from the back/forward cache: a view of its own, that nobody referred but the site itself. */
    _return() {
      if (_options.autoPage === false) return;
      referrer = location.href;
      return view({ properties: {} }, {});
    },
  };
}
