import assert from "node:assert/strict";
import { test } from "node:test";
import { emit, on } from "../../src/core/events.js";
import { propertyName, propertyValue } from "../../src/extras/attributes.js";
import { createStopwatch } from "../../src/extras/engagement.js";

test("attribute names become property names", () => {
  assert.equal(propertyName("arianeProductId"), "product_id");
  assert.equal(propertyName("arianePrice"), "price");
  for (const key of ["arianeEvent", "arianeView", "arianeField", "ariane", "productId"]) assert.equal(propertyName(key), undefined);
});

test("amounts become numbers, lists and objects are read, ids stay as written", () => {
  assert.equal(propertyValue("price", "19.90"), 19.9);
  assert.equal(propertyValue("price", "on request"), "on request");
  assert.equal(propertyValue("quantity", ""), "");
  assert.equal(propertyValue("product_id", "007"), "007");
  assert.deepEqual(propertyValue("products", '[{"product_id": "1"}]'), [{ product_id: "1" }]);
  assert.equal(propertyValue("name", "[sale"), "[sale");
});

test("engaged time is what follows a sign of life, 30 s at most, and each ms is reported once", () => {
  let now = 0;
  const stopwatch = createStopwatch(() => now);
  assert.equal(stopwatch._take(0), 0);
  stopwatch._sign();
  now = 10000;
  assert.equal(stopwatch._take(0), 10000);
  stopwatch._sign();
  now = 100000;
  assert.equal(stopwatch._take(0), 30000);
  stopwatch._sign();
  now = 100040;
  stopwatch._stop();
  now = 200000;
  assert.equal(stopwatch._take(100), 0);
  stopwatch._sign();
  now = 200060.5;
  assert.equal(stopwatch._take(100), 100);
});

test("a listener that throws is told to the error listeners and stops nobody", () => {
  const heard = [];
  on("error", (error) => heard.push(error.message));
  on("error", () => {
    throw new Error("again");
  });
  on("event", () => {
    throw new Error("first");
  });
  const off = on("event", (detail) => heard.push(detail));
  emit("event", 1);
  off();
  emit("event", 2);
  assert.deepEqual(heard, ["first", 1, "first"]);
});
