// Browsers let all requests that may outlive their page share 64 KiB: https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const MOST_BYTES = 61440;
const ENVELOPE_BYTES = 200;

/** The head of `records` (`{body, …}`) that fits one request: at most `most` of them and 60 KB, at least one. */
export const takeBatch = (records, most) => {
  let bytes = ENVELOPE_BYTES;
  return records.filter((record, i) => i < most && ((bytes += sizeOf(record.body) + 1) <= MOST_BYTES || !i));
};

/** The body of one request. Records hold their event as JSON already, so nothing is serialised twice. */
export const writeBatch = (records, writeKey, now) =>
  `{"batch":[${records.map((record) => record.body)}],${JSON.stringify({ sentAt: new Date(now), writeKey }).slice(1)}`;

/** The bytes of `text` as UTF-8. */
export const sizeOf = (text) => new TextEncoder().encode(text).length;
