import { isFull } from "./state.js";

export const LOCAL = "local";
export const SESSION = "session";

/**
 * localStorage and sessionStorage as JSON. They may be missing, full, or forbidden: merely naming `window.localStorage`
 * throws where a visitor blocks cookies (https://html.spec.whatwg.org/multipage/webstorage.html#dom-localstorage).
 * Without full consent nothing is read or written. What cannot be read is undefined.
 */
const attempt = (area, work) => {
  try {
    if (isFull()) return work(self[area + "Storage"]);
  } catch {
    // blocked, full, or not ours: the caller has another place, and the page must not notice
  }
  return undefined;
};

export const read = (area, key) => attempt(area, (storage) => JSON.parse(storage[key]));
/** Nothing for a value removes the key. */
export const write = (area, key, value) => attempt(area, (storage) => (value ? (storage[key] = JSON.stringify(value)) : delete storage[key]));
/** Forgets every key of ours. */
export const wipe = () => attempt(LOCAL, (storage) => Object.keys(storage).forEach((key) => /^ariane_/.test(key) && delete storage[key]));
