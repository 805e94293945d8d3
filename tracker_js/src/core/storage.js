/**
 * localStorage and sessionStorage that may be missing, full, or forbidden: merely naming `window.localStorage` throws
 * where a visitor blocks cookies (https://html.spec.whatwg.org/multipage/webstorage.html#dom-localstorage). Reads of
 * what cannot be read give null; writes say whether they were kept.
 */
function createStorage(kind) {
  const attempt = (work) => {
    try {
      return work(window[kind]);
    } catch {
      return null; // blocked or full: the caller has another place, and the page must not notice
    }
  };
  return {
    _get: (key) => attempt((area) => area.getItem(key)),
    _set: (key, value) => attempt((area) => (area.setItem(key, value), true)),
    _remove: (key) => attempt((area) => area.removeItem(key)),
    _keys: (prefix) => attempt((area) => Object.keys(area).filter((key) => key.startsWith(prefix))) || [],
  };
}

export const local = createStorage("localStorage");
export const session = createStorage("sessionStorage");

/** The value behind `text`, or undefined when it is no JSON (another script wrote there, or nobody did). */
export function readJson(text) {
  try {
    return JSON.parse(text) || undefined;
  } catch {
    return undefined;
  }
}
