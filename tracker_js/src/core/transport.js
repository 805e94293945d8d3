import { isFull, options } from "./state.js";

const PATIENCE_MS = 15e3;

/**
 * POSTs text (no CORS preflight: a string body is text/plain) to a path of the collector's, and resolves to
 * `[status, answer, asked]`: the answer only of a 200, and `Retry-After` as it is written.
 *
 * Status 0 is no answer at all: offline, refused, too slow, or a 200 that is not ours, as a hotel's Wi-Fi gives. With
 * `keepalive` the request outlives the page, within the browser's 64 KiB. Only with full consent may the collector's
 * cookie be sent or set.
 */
export const post = async (path, body, keepalive) => {
  try {
    const response = await fetch(options.endpoint + path, {
      method: "POST",
      body,
      keepalive,
      credentials: isFull() ? options.credentials : "omit",
      signal: AbortSignal.timeout?.(PATIENCE_MS),
    });
    const { status } = response;
    return [status, status === 200 && (await response.json()), response.headers.get("Retry-After")];
  } catch {
    return [0]; // the caller tries again later
  }
};
