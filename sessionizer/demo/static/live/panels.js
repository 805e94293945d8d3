/** The profile on the page. Everything is text: nothing an event says is ever read as markup. */
import { count, money, nameOf, titleOf } from "./words.js";

/** An element: `el("p.muted", {title}, "text", child, null)`; attributes that are null are left out. */
export function el(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) if (value != null) element.setAttribute(key, value);
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
export const timeOf = (text) => clock.format(new Date(text));
const dayOf = (text) => day.format(new Date(text));

/** A colour per visitor, from their id. */
export function hueOf(id) {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)) % 360;
  return hash;
}

const inWords = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const seconds = (ms) => (ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`);

function panel(title, id, ...children) {
  const body = children.flat().filter((child) => child != null);
  if (!body.length) return null;
  return el("section.panel", { "data-test": `panel-${id}`, "aria-label": title }, el("h3", null, title), ...body);
}

/** Rows of name and value; `data-key` is what `markChanges` compares by. */
const facts = (rows) => (rows.length ? el("dl", null, rows.map(([name, value, note]) => el("div", { "data-key": `${name}` }, el("dt", null, name), el("dd", { title: note }, value)))) : null);

const list = (items) => (items.length ? el("ul", null, items) : null);

const item = (key, ...children) => el("li", { "data-key": key }, ...children);

/** The whole right-hand side for `{profile, sessions, timeline, identity}`; `hue` is the visitor's colour in the list. */
export function drawPerson({ profile, sessions, timeline, identity }, hue) {
  return [
    heading(profile, hue),
    totals(profile.totals),
    el(
      "div.panels",
      null,
      panel("Identifiers", "identifiers", identifiers(profile)),
      panel("Cart", "cart", cart(profile.cart)),
      panel("Where they came from", "touches", touches(profile)),
      panel("Why these belong together", "identity", evidence(identity)),
      panel("Traits", "traits", traits(profile)),
      panel("Sessions", "sessions", list((sessions?.sessions ?? []).map(session))),
      panel("Devices", "devices", list(profile.devices.map(device))),
      panel("Timeline", "timeline", list((timeline?.events ?? []).map(moment))),
    ),
  ];
}

function heading(profile, hue) {
  const name = nameOf(profile);
  const known = profile.status === "known";
  const avatar = el("span.avatar", { "aria-hidden": "true" }, known ? name.slice(0, 1).toUpperCase() : "?");
  avatar.style.setProperty("--hue", hue);
  return el(
    "header.who",
    null,
    avatar,
    el("div", null, el("h2", { "data-test": "name" }, name), el("p.mono", { title: "profile_id", "data-test": "profile-id" }, profile.profile_id)),
    el(`span.pill.${known ? "known" : "anonymous"}`, { "data-test": "status", "data-key": "status" }, profile.status),
  );
}

function totals(sums) {
  const revenue = Object.entries(sums.revenue).map(([currency, amount]) => money(amount, currency)).join(" + ");
  const tiles = [
    ["Page views", sums.page_views],
    ["Sessions", sums.sessions],
    ["Orders", sums.orders],
    ["Revenue", revenue || "–"],
    ["Attention", seconds(sums.engaged_ms)],
    ["Events", sums.events],
  ];
  return el(
    "dl.totals",
    { "data-test": "totals" },
    tiles.map(([name, value]) => el("div", { "data-key": `total ${name}`, "data-test": `total-${name.toLowerCase().replace(" ", "-")}` }, el("dt", null, name), el("dd", null, String(value)))),
  );
}

function identifiers(profile) {
  return list(profile.identifiers.map((each) => item(`${each.type}:${each.value}`, el("span.tag", null, each.type), el("span.mono", null, each.value))));
}

function evidence(identity) {
  if (!identity) return null;
  const why = (proof) => el("span", null, proof.because, " ", el("span.rule", null, `rule ${proof.rule}`));
  const claims = identity.claims.map((each) =>
    item(`claim ${each.message_id} ${each.type}`, el("span.tag.warn", null, "claim"), `${each.type} ${each.value}, used without proof: it changed nothing.`),
  );
  const contacts = identity.contacts.map((each) => item(`contact ${each.type}:${each.value}`, el("span.tag", null, each.type), why(each.evidence)));
  const slices = identity.slices
    .slice(-6)
    .reverse()
    .map((each) => item(`slice ${each.anonymous_id} ${each.from} ${each.user_id}`, el("span.tag", null, count(each.events, "event")), why(each.evidence)));
  return [el("p.muted", { "data-key": "root" }, "The profile’s id is made from ", el("span.mono", null, identity.root), "."), list([...claims, ...contacts, ...slices])];
}

function traits(profile) {
  return facts(
    Object.entries(profile.traits).map(([name, value]) => {
      const from = profile.trait_sources?.[name];
      return [name, inWords(value), from ? `${from.source}, ${from.at}` : null];
    }),
  );
}

function cart(held) {
  if (!held?.items.length) return null;
  const lines = held.items.map((each) => [each.name ?? each.product_id, `${each.quantity} × ${each.price == null ? "?" : money(each.price, held.currency)}`]);
  return facts([...lines, ["Worth", money(held.value, held.currency)]]);
}

function touches(profile) {
  const said = (touch) => [touch.channel.replaceAll("_", " "), touch.source, touch.campaign].filter(Boolean).join(" · ");
  const rows = [];
  if (profile.first_touch) rows.push(["First", said(profile.first_touch), profile.first_touch.landing_page]);
  if (profile.last_touch) rows.push(["Last", said(profile.last_touch), profile.last_touch.landing_page]);
  return facts(rows);
}

function session(each) {
  const tail = [count(each.page_views, "view"), each.engaged_ms ? seconds(each.engaged_ms) : null, each.orders ? count(each.orders, "order") : null];
  return item(
    each.session_id,
    el("span.tag", null, each.channel.replaceAll("_", " ")),
    el("span", null, dayOf(each.started_at)),
    el("span.muted", null, tail.filter(Boolean).join(" · ")),
    each.engaged ? null : el("span.muted", null, "bounce"),
  );
}

function device(each) {
  const what = [each.browser, each.os, each.type, each.country].filter(Boolean).join(" · ") || "a server";
  return item(each.anonymous_id, el("span", null, what), el("span.mono.muted", null, each.anonymous_id));
}

function moment(event) {
  return item(event.message_id, el("span.muted.mono", null, timeOf(event.timestamp)), el("span.tag", null, event.type), el("span", null, titleOf(event)));
}

/** Mark what was not there, or not so, in the `previous` drawing of the same person. */
export function markChanges(container, previous) {
  for (const row of container.querySelectorAll("[data-key]")) {
    const section = row.closest("[data-test]")?.dataset.test ?? "";
    const key = `${section} ${row.dataset.key}`;
    if (previous.size && previous.get(key) !== row.textContent) row.classList.add("fresh");
  }
}

/** What is drawn now, for `markChanges` next time. */
export function remember(container) {
  const seen = new Map();
  for (const row of container.querySelectorAll("[data-key]")) {
    seen.set(`${row.closest("[data-test]")?.dataset.test ?? ""} ${row.dataset.key}`, row.textContent);
  }
  return seen;
}
