import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeOf, takeBatch, writeBatch } from "../../src/core/batch.js";
import { newId } from "../../src/core/ids.js";
import { backoff } from "../../src/extras/backoff.js";
import { excess } from "../../src/extras/bounds.js";

const record = (n, size = 100) => ({ id: `id-${n}`, at: n, body: "x".repeat(size) });
const DAY_MS = 86400000;

test("waits double from one second to five minutes, less up to half by chance", () => {
  assert.deepEqual([1, 2, 3, 9, 10, 50].map((n) => backoff(n, null, 0, 0)), [1000, 2000, 4000, 256000, 300000, 300000]);
  assert.equal(backoff(1, null, 0.999999, 0) > 499, true);
});

test("what the server asks for, in seconds or as a date, is the least waited, up to a day", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(backoff(1, "7", 0, now), 7000);
  assert.equal(backoff(9, "0", 0, now), 0);
  assert.ok(backoff(1, "7", 0.9, now) >= 7000);
  assert.equal(backoff(1, "1000000000", 0, now), DAY_MS);
  assert.equal(backoff(1, "Thu, 01 Jan 2026 00:01:00 GMT", 0, now), 60000);
  for (const nonsense of ["Wed, 31 Dec 2025 00:01:00 GMT", "soon", "-5", ""]) assert.equal(backoff(1, nonsense, 0, now), 1000);
});

test("the queue keeps five thousand events of seven days, the newest", () => {
  const records = Array.from({ length: 5100 }, (_, n) => record(n)).reverse();
  assert.deepEqual(excess(records, 5100), [...Array(100).keys()].map((n) => `id-${n}`));
  assert.deepEqual(records.map((each) => each.at), [...Array(5100).keys()]);
  assert.deepEqual(excess([record(0), record(DAY_MS)], 7 * DAY_MS + 1), ["id-0"]);
});

test("a batch is what fits 60 KB and the count, and never nothing", () => {
  const records = Array.from({ length: 10 }, (_, n) => record(n, 20000));
  assert.equal(takeBatch(records, 500).length, 3);
  assert.equal(takeBatch(records, 2).length, 2);
  assert.equal(takeBatch([record(0, 100000), record(1)], 500).length, 1);
  assert.equal(takeBatch([record(0)], 500).length, 1);
});

test("a batch is JSON with its time and key, and its size is counted in UTF-8", () => {
  const body = writeBatch([{ body: '{"n":1}' }, { body: '{"n":2}' }], 'k"', 0);
  assert.deepEqual(JSON.parse(body), { batch: [{ n: 1 }, { n: 2 }], sentAt: "1970-01-01T00:00:00.000Z", writeKey: 'k"' });
  assert.equal(sizeOf("é€😀"), 9);
});

test("ids are version 4 UUIDs, and no two are the same", () => {
  const ids = Array.from({ length: 1000 }, newId);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
});
