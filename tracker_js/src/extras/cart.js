/**
 * With `data-cart-token`: the cart's id at a checkout on another domain (Shopify's `cart` cookie, say) becomes an identifier
 * of this visitor, once a tab, so that the order which the checkout's server sends with it is theirs.
 */
export const cartToken = ({ _record, _read, _write, _options }) => {
  const id = _options.cartToken;
  if (!id || _read("session", "ariane_cart") === id) return;
  _write("session", "ariane_cart", id);
  _record("identify", { traits: {} }, { context: { externalIds: [{ id, type: "cart_token" }] } });
};
