import { newId } from "./ids.js";
import { readJson, session } from "./storage.js";

const KEY = "ariane_tab";

/**
 * Numbers a tab's events 0, 1, 2 … across its page loads, so that the server can say how many a browser lost.
 *
 * sessionStorage is copied into a duplicated or opened tab (https://html.spec.whatwg.org/multipage/webstorage.html#dom-sessionstorage),
 * and two tabs under one name would look like loss. So the number is in sessionStorage only between two pages: a page
 * takes it out as it starts and puts it back as it ends.
 */
export function createTab(allowed) {
  let state;
  const take = () => {
    const found = allowed() ? readJson(session._get(KEY)) : undefined;
    session._remove(KEY);
    return found && found.tab ? found : { tab: newId(), seq: 0 };
  };
  return {
    _next() {
      state = state || take();
      return { tab: state.tab, seq: state.seq++ };
    },
    _leave() {
      if (state && allowed()) session._set(KEY, JSON.stringify(state));
    },
    /** Back from the back/forward cache: pages in between have counted on. */
    _return() {
      if (state) state = take();
    },
    _forget() {
      state = undefined;
      session._remove(KEY);
    },
  };
}
