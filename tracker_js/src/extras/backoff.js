/**
 * How long to wait after the `failures`-th failure in a row (1 is the first), in ms.
 *
 * Doubles from one second to five minutes; `random` in [0, 1) takes off up to half, so that browsers which failed
 * together do not come back together. What the server asked for (`Retry-After`: seconds or an HTTP date, null without one)
 * is the least waited, up to a day. `now` in ms.
 */
export const backoff = (failures, asked, random, now) => {
  const askedMs = asked && (isNaN(asked) ? Date.parse(asked) - now : asked * 1e3);
  return asked && askedMs >= 0 ? Math.min(askedMs, 864e5) + random * 250 : Math.min(500 * 2 ** failures, 3e5) * (1 - random / 2);
};
