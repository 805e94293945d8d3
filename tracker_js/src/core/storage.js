import { isFull } from "./state.js";

export const LOCAL = "local";
export const SESSION = "session";

/**
 * localStorage and sessionStorage as JSON. They may be missing, full, or forbidden: merely naming `window.localStorage`
 * throws where a visitor blocks cookies (https://html.spec.whatwg.org/multipage/webstorage.html#dom-localstorage).
 * Without full consent nothing is read or written. What cannot be read is undefined.
 */
const attempt = (work) => {
  try {
    return isFull() ? work() : undefined;
  } catch {
    return undefined; // blocked, full, or not ours: the caller has another place, and the page must not notice
  }
};

export const read = (area, key) => attempt(() => JSON.parse(self[area + "Storage"][key]));
/** Nothing for a value removes the key. */
export const write = (area, key, value) => attempt(() => (value ? (self[area + "Storage"][key] = JSON.stringify(value)) : delete self[area + "Storage"][key]));
/** Forgets every key of ours. */
export const wipe = () => attempt(() => Object.keys(localStorage).forEach((key) => key.startsWith("ariane_") && delete localStorage[key]));
