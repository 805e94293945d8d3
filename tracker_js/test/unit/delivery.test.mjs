import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, readRetryAfter } from "../../src/core/backoff.js";
import { bound, sizeOf, takeBatch, writeBatch } from "../../src/core/batch.js";
import { newId } from "../../src/core/ids.js";

const record = (n, size = 100) => ({ id: `id-${n}`, at: n, size, body: `{"n":${n}}` });
const DAY_MS = 86400000;

test("waits double from one second to five minutes, less up to half by chance", () => {
  assert.deepEqual([1, 2, 3, 9, 10, 50].map((n) => backoff(n, undefined, 0)), [1000, 2000, 4000, 256000, 300000, 300000]);
  assert.equal(backoff(1, undefined, 0.999999) > 499, true);
});

test("what the server asks for is the least waited, up to a day", () => {
  assert.equal(backoff(1, 7, 0), 7000);
  assert.equal(backoff(9, 0, 0), 0);
  assert.ok(backoff(1, 7, 0.9) >= 7000);
  assert.equal(backoff(1, 10 ** 9, 0), DAY_MS);
});

test("Retry-After is seconds or a date, or nothing", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(readRetryAfter("120", now), 120);
  assert.equal(readRetryAfter("Thu, 01 Jan 2026 00:01:00 GMT", now), 60);
  assert.equal(readRetryAfter("Wed, 31 Dec 2025 00:01:00 GMT", now), undefined);
  assert.equal(readRetryAfter("soon", now), undefined);
  assert.equal(readRetryAfter(null, now), undefined);
});

test("the queue keeps a thousand events of seven days, the newest, in order", () => {
  const records = Array.from({ length: 1100 }, (_, n) => record(n)).reverse();
  const { _keep, _drop } = bound(records, 1100);
  assert.equal(_keep.length, 1000);
  assert.deepEqual([_keep[0].at, _keep[999].at], [100, 1099]);
  assert.deepEqual(_drop.map((each) => each.at), [...Array(100).keys()]);
  const old = bound([record(0), record(DAY_MS)], 7 * DAY_MS + 1);
  assert.deepEqual([old._drop.length, old._keep.length], [1, 1]);
});

test("a batch is what fits 60 KB and the count, and never nothing", () => {
  const records = Array.from({ length: 10 }, (_, n) => record(n, 20000));
  assert.equal(takeBatch(records, 500).length, 3);
  assert.equal(takeBatch(records, 2).length, 2);
  assert.equal(takeBatch([record(0, 100000), record(1)], 500).length, 1);
  assert.equal(takeBatch([record(0)], 500).length, 1);
});

test("a batch is JSON with its time and key, and its size is counted in UTF-8", () => {
  const body = writeBatch([record(1), record(2)], 'k"', 0);
  assert.deepEqual(JSON.parse(body), { batch: [{ n: 1 }, { n: 2 }], sentAt: "1970-01-01T00:00:00.000Z", writeKey: 'k"' });
  assert.equal(sizeOf("é€😀"), 9);
});

test("ids are version 4 UUIDs with and without crypto.randomUUID, and with no crypto at all", () => {
  const original = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  const randoms = [globalThis.crypto, { getRandomValues: (bytes) => bytes.fill(255) }, undefined];
  try {
    for (const value of randoms) {
      Object.defineProperty(globalThis, "crypto", { value, configurable: true });
      assert.match(newId(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  } finally {
    Object.defineProperty(globalThis, "crypto", original);
  }
});
