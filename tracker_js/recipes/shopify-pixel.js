/*
 * Shopify: Settings → Customer events → Add custom pixel, and paste this. Put in your write key and your collector.
 * A pixel runs in a frame of its own, so the page's address is the event's. Event names are the tracker's business.
 */
const WRITE_KEY = "YOUR_WRITE_KEY";
const COLLECTOR = "https://data.example.com";

window.dataLayer = window.dataLayer || [];

const priced = ({ product, sku, title, price }, quantity) => ({
  item_id: product.id, sku, item_name: product.title, item_variant: title, price: price.amount, currency: price.currencyCode, quantity,
});

function toGoogle({ name, data }) {
  const { checkout, cart, cartLine, productVariant } = data || {};
  const lines = (checkout && checkout.lineItems) || (cart && cart.lines) || [cartLine || (productVariant && { merchandise: productVariant })];
  const items = lines.filter(Boolean).map((line) => priced(line.merchandise || line.variant, line.quantity));
  const total = (checkout && checkout.totalPrice) || (cart && cart.cost && cart.cost.totalAmount) || {};
  const order = checkout && checkout.order;
  return { event: name, items, value: total.amount, currency: total.currencyCode || (items[0] && items[0].currency), transaction_id: order ? order.id : undefined };
}

analytics.subscribe("all_standard_events", (event) => {
  if (event.name === "page_viewed") {
    const { href, pathname } = event.context.document.location;
    window.ariane.page({}, { context: { page: { url: href, path: pathname, title: event.context.document.title, referrer: event.context.document.referrer } } });
  } else window.dataLayer.push(toGoogle(event));
});

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

const script = document.createElement("script");
script.src = COLLECTOR + "/t.js";
Object.assign(script.dataset, { writeKey: WRITE_KEY, autoPage: "false", dataLayer: "true" });
document.head.append(script);
