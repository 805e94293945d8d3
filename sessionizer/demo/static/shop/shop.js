/**
 * What this shop tells the tracker beyond page views and `data-ariane-*` attributes: who logged in, what was ordered.
 *
 * The server puts what there is to tell into `#shop-state`. Should the tracker be blocked or away, the shop works without.
 */
const PATIENCE_MS = 2000;
const IDENTIFIED = "shop_identified";
const state = JSON.parse(document.getElementById("shop-state").textContent);
const ariane = window.ariane;

/** Run `tell` once a browser session for this key: reloading a page says nothing new. */
function once(key, tell) {
  if (sessionStorage.getItem(key)) return;
  sessionStorage.setItem(key, "told");
  tell();
}

/**
 * Tell the collector who logged in, once a device. Only the shop's server knows, so it signs a proof for this user on
 * exactly this device, which nobody could make up on their own.
 */
async function identify({ id, email, name }) {
  const { anonymousId } = await ariane.ready();
  const mark = `${id} on ${anonymousId}`;
  if (localStorage.getItem(IDENTIFIED) === mark) return;
  const response = await fetch("/proof", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ anonymous_id: anonymousId }),
  });
  if (!response.ok) return; // logged out in another tab meanwhile
  const { proof } = await response.json();
  await ariane.identify(id, { email, name }, { proof });
  localStorage.setItem(IDENTIFIED, mark);
}

/** Logging out cuts this browser's history: tell before the page goes, but never keep anybody waiting for it. */
function watchLogout() {
  document.querySelector('[data-test="logout-form"]')?.addEventListener("submit", async (event) => {
    event.preventDefault();
    localStorage.removeItem(IDENTIFIED);
    await Promise.race([ariane.reset(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    event.target.submit();
  });
}

function tellOrder(order, buyer) {
  once(order.order_id, () => {
    if (!state.user) ariane.identify(buyer);
    ariane.track("Order Completed", order);
  });
}

async function tell() {
  if (state.user) {
    watchLogout();
    await identify(state.user);
  }
  if (state.newsletter_email) ariane.identify({ email: state.newsletter_email });
  if (state.list) ariane.track("Product List Viewed", state.list);
  if (state.searched) ariane.track("Products Searched", { query: state.searched });
  if (state.cart) ariane.track("Cart Viewed", state.cart);
  if (state.checkout) ariane.track("Checkout Started", state.checkout);
  if (state.order) tellOrder(state.order, state.buyer);
}

if (ariane) await tell();
