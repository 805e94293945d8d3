import { guard, options, read, record, write } from "./inside.js";

/**
 * With `data-cart-token`: the cart's id at a checkout on another domain (Shopify's `cart` cookie, say) becomes an identifier
 * of this visitor, once a tab, so that the order which the checkout's server sends with it is theirs.
 */
export const cartToken = () => {
  const id = options.cartToken;
  if (!id || read("session", "ariane_cart") === id) return;
  write("session", "ariane_cart", id);
  guard(record)("identify", { traits: {} }, { context: { externalIds: [{ id, type: "cart_token" }] } });
};
