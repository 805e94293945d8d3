import { readRetryAfter } from "./backoff.js";

const PATIENCE_MS = 15000;

/**
 * POSTs text (no CORS preflight: a string body is text/plain) and resolves to `{_status, _answer, _retryAfterS}`.
 *
 * Status 0 is no answer at all: offline, refused, too slow, or a 200 that is not ours, as a hotel's Wi-Fi gives. With
 * `keepalive` the request outlives the page, within the browser's 64 KiB.
 */
export async function post(url, body, keepalive, credentials) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const response = await fetch(url, { method: "POST", body, keepalive, credentials, signal: abort.signal });
    return {
      _status: response.status,
      _answer: response.status === 200 ? await response.json() : {},
      _retryAfterS: readRetryAfter(response.headers.get("Retry-After"), Date.now()),
    };
  } catch {
    return { _status: 0 }; // the caller tries again later
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The last means of a page that is leaving and could not `fetch`: a beacon. True when the browser took it. It does not
 * tell whether it arrived, so the events stay queued; if they did, their ids make them one.
 */
export function sendBeacon(url, body) {
  try {
    return navigator.sendBeacon(url, body);
  } catch {
    return false; // missing, or a content blocker's
  }
}

/**
 * The address of an image that is this event, or undefined when a query cannot say all of it: a proof, traits, or a
 * property that is no text. The first copy of an event counts, so a poorer one must not be ahead of the queued one.
 */
export function pixelOf(endpoint, writeKey, event) {
  const { type, event: name, properties, anonymousId, userId, messageId, timestamp, context } = event;
  const texts = Object.values(properties || {}).every((value) => typeof value === "string");
  if (!properties || !texts || context.identityProof) return undefined;
  const { url, referrer, title } = context.page;
  const fields = { ...properties, writeKey, type, event: name, anonymousId, userId, messageId, timestamp, url, referrer, title };
  const query = Object.keys(fields).filter((key) => fields[key]);
  return endpoint + "pixel.gif?" + query.map((key) => key + "=" + encodeURIComponent(fields[key])).join("&");
}
