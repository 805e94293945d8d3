import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";
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

test("Shopify's web pixel events arrive as commerce, through the recipe", async () => {
  const handlers = {};
  const pages = [];
  const window = { ariane: { version: "1", track: () => {}, page: (...args) => pages.push(args) } };
  const document = { createElement: () => ({ dataset: {} }), head: { append: () => {} } };
  const context = vm.createContext({ window, document, analytics: { subscribe: (name, work) => (handlers[name] = work) } });
  vm.runInContext(await readFile(new URL("../../recipes/shopify-pixel.js", import.meta.url), "utf8"), context);
  const emit = handlers.all_standard_events;
  // As https://shopify.dev/docs/api/web-pixels-api/standard-events describes them.
  const variant = { sku: "R-1", title: "10 m", price: { amount: 19.9, currencyCode: "EUR" }, product: { id: "77", title: "Rope" } };
  emit({ name: "product_added_to_cart", data: { cartLine: { merchandise: variant, quantity: 2, cost: { totalAmount: { amount: 39.8, currencyCode: "EUR" } } } } });
  emit({ name: "checkout_completed", data: { checkout: { order: { id: "O1" }, totalPrice: { amount: 44.8, currencyCode: "EUR" }, lineItems: [{ variant, quantity: 2, title: "Rope" }] } } });
  emit({ name: "page_viewed", data: {}, context: { document: { location: { href: "https://s.example/a", pathname: "/a" }, title: "A", referrer: "" } } });
  const plain = (value) => JSON.parse(JSON.stringify(value));
  const read = plain(window.dataLayer.flatMap(readCommerce));
  const rope = { product_id: "77", sku: "R-1", name: "Rope", variant: "10 m", price: 19.9, currency: "EUR", quantity: 2 };
  assert.deepEqual(read, [
    ["Product Added", rope],
    ["Order Completed", { value: 44.8, currency: "EUR", order_id: "O1", revenue: 44.8, products: [rope] }],
  ]);
  assert.equal(pages[0][1].context.page.path, "/a");
});
