import { newId } from "./ids.js";
import { shared } from "./state.js";
import { read, SESSION, write } from "./storage.js";

const KEY = "ariane_tab";

/**
 * Numbers a tab's events 0, 1, 2 … across its page loads, so that the server can say how many a browser lost.
 *
 * sessionStorage is copied into a duplicated or opened tab (https://html.spec.whatwg.org/multipage/webstorage.html#dom-sessionstorage),
 * and two tabs under one name would look like loss. So the number is in sessionStorage only between two pages: a page
 * takes it out as it starts and puts it back as it ends.
 */
let state;
let ended;

export const number = () => {
  if (!state) {
    state = read(SESSION, KEY) || { tab: newId(), seq: 0 };
    write(SESSION, KEY);
    shared._tab = state.tab;
  }
  const numbered = { ...state, seq: state.seq++ };
  // A page may track something after it has ended.
  if (ended) leaveTab();
  return numbered;
};

export const leaveTab = () => {
  ended = true;
  if (state) write(SESSION, KEY, state);
};

/** Back from the back/forward cache: pages in between have counted on. */
export const returnToTab = () => {
  ended = state = undefined;
};

export const forgetTab = () => {
  returnToTab();
  write(SESSION, KEY);
};
