/** What just happened, in one sentence: the event, and how the profile differs from the one before it. */

const SYMBOLS = { EUR: "€", USD: "$", GBP: "£" };

export const money = (amount, currency) => (SYMBOLS[currency] ? `${SYMBOLS[currency]}${amount}` : `${amount} ${currency ?? ""}`.trim());

export const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** The name somebody would call this person by. */
export function nameOf(profile) {
  const { name, email, firstName, lastName } = profile.traits;
  const written = name || [firstName, lastName].filter(Boolean).join(" ") || email;
  return written ? String(written) : profile.status === "known" ? profile.identifiers[0].value : "Anonymous visitor";
}

/** What an event is called in the list. */
export function titleOf(event) {
  if (event.type === "page" || event.type === "screen") return event.derived?.page_path ?? event.properties?.path ?? event.name ?? event.type;
  return event.event ?? event.type;
}

/** Why an event went no further than the edge. */
export function describeRefusal({ outcome, reason, detail }) {
  if (outcome === "withheld") return `Withheld: ${reason ?? "the source does not want it"}. It is not stored.`;
  return `Refused: ${reason}${detail ? ` (${detail})` : ""}. It is kept aside with its reason, and changes nothing.`;
}

/**
 * What an accepted event means: `{text, weight}`, weight saying how much it matters, from 0 (another page) to 3 (who it is).
 *
 * `before` is the visitor's profile as of some earlier event, or null; `viewsSince` the page views told of since then, and
 * `user` the user whose login was told of;
 * `after` the profile with this event in it, and maybe later ones; `claims` are identifiers used without their proof.
 */
export function describe({ event, again }, { before, viewsSince, user, after, claims }) {
  if (again) return { text: "Sent again to be sure; it counts once.", weight: 0 };
  const who = identityWords(event, before, viewsSince, user, after, claims);
  if (who) return { text: who, weight: 3 };
  const what = trackWords(event, after);
  if (what) return { text: what, weight: event.event === "Order Completed" ? 3 : event.event.startsWith("Product ") ? 2 : 1 };
  return visitWords(event, before, after);
}

function identityWords(event, before, viewsSince, user, after, claims) {
  const claim = claims.find((each) => each.message_id === event.message_id);
  if (claim) return `A claim: somebody says they are ${claim.value}, without the proof that takes. The event is kept, and tells us nothing about ${claim.value}.`;
  if (event.event === "Logged Out") return "Logout. What this browser does next belongs to nobody, until the next login.";
  const views = earlierViews(before, viewsSince, after);
  const signed = event.trust === "proven" ? ", signed for by the shop" : "";
  if (event.user_id && event.user_id !== user && isNew("user_id", event.user_id, before, after)) {
    return views ? `Login${signed}: ${views} to user ${event.user_id}.` : `Login${signed}: this browser is user ${event.user_id}.`;
  }
  const contact = event.user_id && event.user_id === user ? null : (event.contacts ?? []).find((each) => isNew(each.type, each.value, before, after));
  if (contact) {
    const given = contact.type === "email" ? "An e-mail address" : `A new ${contact.type.replaceAll("_", " ")}`;
    return views ? `${given}: ${views} to ${nameOf(after)}.` : `${given}: this is ${contact.value}.`;
  }
  if (event.type === "identify") return `More about ${nameOf(after)}: ${Object.keys(event.traits ?? {}).join(", ") || "nothing new"}.`;
  return null;
}

const holds = (profile, type, value) => profile.identifiers.some((each) => each.type === type && each.value === value);

const isNew = (type, value, before, after) => holds(after, type, value) && !(before && holds(before, type, value));

/** "6 earlier page views now belong", when what the visitor did before has just found its owner. */
function earlierViews(before, viewsSince, after) {
  const moved = before && before.profile_id !== after.profile_id && !before.identifiers.some((each) => each.type === "user_id");
  const views = moved ? before.totals.page_views + viewsSince : 0;
  return views ? `${count(views, "earlier page view")} now ${views === 1 ? "belongs" : "belong"}` : null;
}

function trackWords(event, after) {
  const said = event.properties ?? {};
  const what = said.name ?? said.product_id ?? "something";
  const cart = after.cart ? `; the cart is worth ${money(after.cart.value, after.cart.currency)}` : "";
  switch (event.event) {
    case "Product List Viewed":
      return `Looked through ${said.category ?? said.list_id ?? "a list"}.`;
    case "Products Searched":
      return `Searched for “${said.query ?? ""}”.`;
    case "Product Viewed":
      return `Looked at ${what}.`;
    case "Product Added":
      return `Put ${what} in the cart${cart}.`;
    case "Product Removed":
      return `Took ${what} out of the cart${cart}.`;
    case "Cart Viewed":
      return `Looked at the cart${cart}.`;
    case "Checkout Started":
      return `Went to the till${cart}.`;
    case "Order Completed": {
      const spent = Object.entries(after.totals.revenue).map(([currency, amount]) => money(amount, currency)).join(" and ");
      return `Order ${said.order_id ?? ""}: ${count(after.totals.orders, "order")} so far, ${spent} in all. The cart is empty again.`;
    }
    case "Page Left":
      return `Left the page after ${Math.round((said.engaged_ms ?? 0) / 1000)} s of attention.`;
    default:
      return event.event ? `${event.event}.` : null;
  }
}

function visitWords(event, before, after) {
  const page = titleOf(event);
  if (before) {
    if (after.totals.sessions > before.totals.sessions) return { text: `Visit number ${after.totals.sessions} begins, on ${page}.`, weight: 2 };
    return { text: `Looked at ${page}.`, weight: 0 };
  }
  if (after.status === "known") return { text: `${nameOf(after)} is here, on ${page}.`, weight: 2 };
  const touch = after.last_touch ?? after.first_touch;
  const from = touch && touch.channel !== "direct" ? `from ${touch.source ?? "elsewhere"} (${touch.channel.replaceAll("_", " ")})` : "directly";
  return { text: `A visitor nobody knows yet, arrived ${from}, on ${page}.`, weight: 2 };
}
