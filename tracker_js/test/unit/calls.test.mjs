import assert from "node:assert/strict";
import { test } from "node:test";
import { readCall } from "../../src/core/calls.js";

const callback = () => {};
const FIELDS = { a: 1 };
const OPTIONS = { timestamp: 0 };

// [most leading texts, arguments, texts, fields, options, whether there is a callback]
const CASES = [
  ["track: the name alone", 1, ["Seen"], ["Seen"], {}, {}, false],
  ["track: everything", 1, ["Seen", FIELDS, OPTIONS, callback], ["Seen"], FIELDS, OPTIONS, true],
  ["track: a callback in place of the rest", 1, ["Seen", callback], ["Seen"], {}, {}, true],
  ["track: null keeps the properties' place", 1, ["Seen", null, OPTIONS], ["Seen"], {}, OPTIONS, false],
  ["page: nothing", 2, [], [], {}, {}, false],
  ["page: properties alone", 2, [FIELDS], [], FIELDS, {}, false],
  ["page: a name", 2, ["Shoes", FIELDS], ["Shoes"], FIELDS, {}, false],
  ["page: category and name", 2, ["Shop", "Shoes", FIELDS, OPTIONS], ["Shop", "Shoes"], FIELDS, OPTIONS, false],
  ["page: null keeps the category's place", 2, [null, "Shoes"], [null, "Shoes"], {}, {}, false],
  ["identify: traits alone", 1, [FIELDS, OPTIONS], [], FIELDS, OPTIONS, false],
  ["identify: null user, traits", 1, [null, FIELDS], [null], FIELDS, {}, false],
  ["identify: a number", 1, [42, callback], [42], {}, {}, true],
  ["alias: one id", 2, ["new", callback], ["new"], {}, {}, true],
  ["alias: two ids", 2, ["new", "old", OPTIONS], ["new", "old"], OPTIONS, {}, false],
];

for (const [name, most, args, texts, fields, options, called] of CASES) {
  test(name, () => {
    assert.deepEqual(readCall(args, most), [texts, fields, options, called ? callback : undefined]);
  });
}
