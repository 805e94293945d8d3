const FIRST_MS = 1000;
const LONGEST_MS = 5 * 60 * 1000;
const LONGEST_ASKED_MS = 24 * 60 * 60 * 1000;

/**
 * How long to wait after the `failures`-th failure in a row (1 is the first), in ms.
 *
 * Doubles from one second to five minutes; `random` in [0, 1) takes off up to half, so that browsers which failed
 * together do not come back together. What the server asked for (`askedS`, seconds, or undefined) is the least
 * waited, up to a day.
 */
export function backoff(failures, askedS, random) {
  const grown = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS);
  if (askedS >= 0) return Math.min(askedS * 1000, LONGEST_ASKED_MS) + random * 250;
  return grown * (1 - random / 2);
}

/** `Retry-After` (seconds or an HTTP date) as seconds from `now` (ms), or undefined when there is none. */
export function readRetryAfter(header, now) {
  if (!header) return undefined;
  const seconds = /^\d+$/.test(header) ? +header : (Date.parse(header) - now) / 1000;
  return seconds >= 0 ? seconds : undefined;
}
