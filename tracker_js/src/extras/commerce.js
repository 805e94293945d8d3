import { guard, listed, track } from "./inside.js";

const NAMES = {
  // GA4's, https://developers.google.com/analytics/devguides/collection/ga4/ecommerce
  view_item: "Product Viewed",
  add_to_cart: "Product Added",
  remove_from_cart: "Product Removed",
  view_cart: "Cart Viewed",
  begin_checkout: "Checkout Started",
  add_shipping_info: "Checkout Step Completed",
  purchase: "Order Completed",
  // Shopify's, https://shopify.dev/docs/api/web-pixels-api/standard-events
  product_viewed: "Product Viewed",
  product_added_to_cart: "Product Added",
  product_removed_from_cart: "Product Removed",
  cart_viewed: "Cart Viewed",
  checkout_started: "Checkout Started",
  checkout_shipping_info_submitted: "Checkout Step Completed",
  checkout_completed: "Order Completed",
};

/**
 * What an entry of GA4's `dataLayer` (an object, or `gtag`'s arguments) means, as Segment's e-commerce events
 * `[name, properties]`; an empty list for what means nothing to us. Everything keeps its name, but for what Segment calls
 * otherwise. Pure.
 */
export const readCommerce = (entry) => {
  const [command, called, given] = entry.length ? entry : ["event", entry.event, entry.ecommerce || entry];
  const name = command === "event" && NAMES[called];
  if (!name) return [];
  const { event, items = [], transaction_id: order_id, ...whole } = given || {};
  const { value, currency } = whole;
  const products = items.map((item) => Object.fromEntries(Object.entries(item).map(([key, each]) => [key === "item_id" ? "product_id" : key.replace("item_", ""), each])));
  if (/^Product/.test(name)) return products.map((product) => [name, { currency, ...product }]);
  return [[name, { ...whole, order_id, revenue: order_id && value, products }]];
};

/** With `data-data-layer="true"`: everything that is and will be pushed to `dataLayer`, as commerce. */
export const dataLayer = () => {
  if (!listed("dataLayer", "true")) return;
  const layer = (self.dataLayer = self.dataLayer || []);
  const read = guard((entry) => {
    for (const [event, properties] of readCommerce(entry)) track(event, properties);
  });
  const { push } = layer;
  layer.push = (...entries) => {
    entries.forEach(read);
    return push.apply(layer, entries);
  };
  layer.slice().forEach(read);
};
