// Browsers let all requests that may outlive their page share 64 KiB: https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const MOST_BYTES = 60 * 1024;
const MOST_EVENTS = 1000;
const OLDEST_MS = 7 * 24 * 60 * 60 * 1000;
const ENVELOPE_BYTES = 200;

/**
 * A queue of records `{id, at, size, body}` in the order they are sent (oldest first), and the records that the
 * bounds push out: older than seven days, and the oldest beyond a thousand.
 */
export function bound(records, now) {
  const sorted = records.slice().sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const first = sorted.length - MOST_EVENTS;
  const keeps = (record, i) => i >= first && now - record.at <= OLDEST_MS;
  return { _keep: sorted.filter(keeps), _drop: sorted.filter((record, i) => !keeps(record, i)) };
}

/** The head of `records` that fits one request: at most `most` of them and 60 KB, at least one. */
export function takeBatch(records, most) {
  let bytes = ENVELOPE_BYTES;
  const end = records.findIndex((record, i) => i >= most || ((bytes += record.size + 1) > MOST_BYTES && i > 0));
  return end < 0 ? records : records.slice(0, end);
}

/** The body of one request. Records hold their event as JSON already, so nothing is serialised twice. */
export function writeBatch(records, writeKey, now) {
  const bodies = records.map((record) => record.body).join();
  return `{"batch":[${bodies}],"sentAt":"${new Date(now).toISOString()}","writeKey":${JSON.stringify(writeKey)}}`;
}

/** The bytes of `text` as UTF-8. */
export function sizeOf(text) {
  return new TextEncoder().encode(text).length;
}
