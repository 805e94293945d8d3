import assert from "node:assert/strict";
import { test } from "node:test";
import { readCommerce } from "../../src/extras/commerce.js";

const ROPE = { item_id: "A1", item_name: "Rope", item_brand: "Minos", price: 19.9, quantity: 2 };
const SEGMENTS_ROPE = { product_id: "A1", name: "Rope", brand: "Minos", price: 19.9, quantity: 2 };

test("GA4's events are Segment's, one for each product or one for the whole", () => {
  assert.deepEqual(readCommerce({ event: "view_item", ecommerce: { currency: "EUR", value: 19.9, items: [ROPE] } }), [["Product Viewed", { ...SEGMENTS_ROPE, currency: "EUR" }]]);
  assert.deepEqual(readCommerce({ event: "add_to_cart", ecommerce: { currency: "EUR", items: [ROPE, { ...ROPE, item_id: "A2" }] } }).map(([name, { product_id }]) => [name, product_id]), [["Product Added", "A1"], ["Product Added", "A2"]]);
  const whole = { currency: "EUR", value: 39.8 };
  for (const [called, name] of [["view_cart", "Cart Viewed"], ["begin_checkout", "Checkout Started"], ["add_shipping_info", "Checkout Step Completed"]]) {
    assert.deepEqual(readCommerce({ event: called, ecommerce: { ...whole, items: [ROPE] } }), [[name, { ...whole, order_id: undefined, revenue: undefined, products: [SEGMENTS_ROPE] }]]);
  }
  assert.deepEqual(readCommerce({ event: "purchase", ecommerce: { transaction_id: "T1", ...whole, tax: 3, shipping: 5, coupon: "SPRING", items: [ROPE] } }), [
    ["Order Completed", { ...whole, order_id: "T1", revenue: 39.8, tax: 3, shipping: 5, coupon: "SPRING", products: [SEGMENTS_ROPE] }],
  ]);
});

test("gtag's arguments and flat entries are read too, and what is not commerce is nothing", () => {
  assert.deepEqual(readCommerce(["event", "remove_from_cart", { currency: "EUR", items: [ROPE] }]), [["Product Removed", { ...SEGMENTS_ROPE, currency: "EUR" }]]);
  assert.equal(readCommerce({ event: "add_to_cart", items: [ROPE] })[0][0], "Product Added");
  for (const nothing of [{ event: "gtm.js" }, ["config", "G-1"], ["js", new Date()], {}, { ecommerce: null }, ["event", "scroll"]]) assert.deepEqual(readCommerce(nothing), []);
});

test("Shopify's names are understood in the dataLayer, too", () => {
  const line = { item_id: "77", sku: "R-1", item_name: "Rope", item_variant: "10 m", price: 19.9, currency: "EUR", quantity: 2 };
  const rope = { product_id: "77", sku: "R-1", name: "Rope", variant: "10 m", price: 19.9, currency: "EUR", quantity: 2 };
  assert.deepEqual(readCommerce({ event: "product_added_to_cart", items: [line] }), [["Product Added", rope]]);
  assert.deepEqual(readCommerce({ event: "checkout_completed", items: [line], value: 44.8, currency: "EUR", transaction_id: "O1" }), [
    ["Order Completed", { value: 44.8, currency: "EUR", order_id: "O1", revenue: 44.8, products: [rope] }],
  ]);
});
