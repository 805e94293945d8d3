/*
 * Shopify: Settings → Customer events → Add custom pixel, and paste this. Put in your write key and your collector.
 *
 * A pixel runs in a sandboxed frame that can store nothing. So the visitor is the id that Shopify keeps (`clientId`), the page is
 * the event's, and the event's own id makes it the same event however often it is told.
 */
const WRITE_KEY = "YOUR_WRITE_KEY";
const COLLECTOR = "https://data.example.com";

// https://shopify.dev/docs/api/web-pixels-api/standard-events
const NAMES = {
  product_viewed: "Product Viewed",
  product_added_to_cart: "Product Added",
  product_removed_from_cart: "Product Removed",
  cart_viewed: "Cart Viewed",
  checkout_started: "Checkout Started",
  checkout_shipping_info_submitted: "Checkout Step Completed",
  checkout_completed: "Order Completed",
};

const readProduct = ({ product, sku, title, price }, quantity) => ({
  product_id: product.id, sku, name: product.title, variant: title, price: price.amount, currency: price.currencyCode, quantity,
});

function readProperties({ checkout, cart, cartLine, productVariant }) {
  if (productVariant) return readProduct(productVariant);
  if (cartLine) return readProduct(cartLine.merchandise, cartLine.quantity);
  const lines = (checkout && checkout.lineItems) || (cart && cart.lines) || [];
  const products = lines.map((line) => readProduct(line.merchandise || line.variant, line.quantity));
  const { amount, currencyCode } = (checkout && checkout.totalPrice) || (cart && cart.cost && cart.cost.totalAmount) || {};
  const order = checkout && checkout.order;
  return { products, currency: currencyCode, ...(order ? { order_id: order.id, total: amount } : { value: amount }) };
}

// Of the query, campaigns and advertisers' click ids alone: what else a checkout's address says is nobody's business.
function readPage({ location, title, referrer }) {
  const campaign = new URLSearchParams([...new URLSearchParams(location.search)].filter(([key]) => /^utm_|clid$/.test(key)));
  return { url: `${location.origin}${location.pathname}${campaign.size ? `?${campaign}` : ""}`, path: location.pathname, title, referrer };
}

(function (w, n) {
  var a = (w[n] = w[n] || []);
  if (a.track) return;
  "page track identify alias group reset consent ready on".split(" ").forEach(function (m) {
    a[m] = function () {
      var c = [].slice.call(arguments);
      return new Promise(function (resolve) {
        a.push([m, c, resolve, Date.now()]);
      });
    };
  });
})(window, "ariane");

analytics.subscribe("all_standard_events", ({ id, name, clientId, timestamp, data, context }) => {
  const options = { messageId: id, anonymousId: clientId, timestamp, context: { page: readPage(context.document) } };
  if (name === "page_viewed") window.ariane.page({}, options);
  else if (NAMES[name]) window.ariane.track(NAMES[name], readProperties(data), options);
});

const script = document.createElement("script");
script.src = COLLECTOR + "/t.js";
Object.assign(script.dataset, { writeKey: WRITE_KEY, autoPage: "false" });
document.head.append(script);
