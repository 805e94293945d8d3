/**
 * Ariane, live: on the left every event as the collector takes it, on the right the person it belongs to, read after the
 * event is folded in (`After-Position`), so that cause and effect are seen together.
 */
import { createApi } from "./feed.js";
import { drawPerson, el, hueOf, markChanges, remember, timeOf } from "./panels.js";
import { describe, describeRefusal, titleOf } from "./words.js";

const MOST_EVENTS = 150;
const MOST_VISITORS = 500;
/** Under a rush, the events in between are not narrated one by one. */
const MOST_WAITING = 20;
const SHOWN_IN_TIMELINE = 12;
const SHOWN_SESSIONS = 5;
const MOST_RECENT = 2000;
const HEADLINE_MS = 6000;

const config = JSON.parse(document.getElementById("config").textContent);
const api = createApi(config.api_key);
const at = (id) => document.getElementById(id);

const profiles = new Map(); // visitor → {profile, viewsSince, user} (`describe` says what)
const recent = new Set(); // messages that came, to tell what was sent twice
const told = new Set(); // ids of messages whose meaning has been told
let waiting = [];
let busy = false;
let pinned = null;
let said = { weight: 0, at: -HEADLINE_MS };
let shown = { visitor: null, rows: new Map() };

/** `type:value` of whoever an event is about, the way the API takes it; null when it names nobody. */
function visitorOf(event) {
  if (event.anonymous_id) return `anonymous_id:${event.anonymous_id}`;
  if (event.user_id) return `user_id:${event.user_id}`;
  const contact = event.contacts?.[0];
  return contact ? `${contact.type}:${contact.value}` : null;
}

/** One line of the live stream: `{outcome, reason, position, event}`. A refused event is what was sent: anything at all. */
function onRecord(record) {
  if (record.outcome === "missed") return addEntry(el("li.muted", { "data-test": "missed" }, `${record.count} events came too fast to be shown here.`));
  if (record.outcome !== "accepted") {
    const sent = record.event !== null && typeof record.event === "object" ? record.event : {};
    const entry = addToFeed({ ...record, event: sent }, null);
    entry.tell(describeRefusal(record));
    if (!pinned) headline({ text: describeRefusal(record), weight: 3 });
    return;
  }
  const visitor = visitorOf(record.event);
  record.again = isRepeated(record.event);
  record.entry = addToFeed(record, visitor);
  // What comes again is nothing new, and may come after somebody else has: it turns nobody's head.
  if (!visitor || record.again || (pinned && pinned !== visitor)) return;
  waiting.push({ record, visitor });
  waiting = waiting.slice(-MOST_WAITING);
  work();
}

/** A tracker that leaves a page sends again what it cannot be sure has arrived; the same message counts once. */
function isRepeated(event) {
  const key = `${event.source} ${event.anonymous_id ?? ""} ${event.message_id}`;
  if (recent.has(key)) return true;
  addBounded(recent, key);
  return false;
}

function addBounded(set, value) {
  set.add(value);
  if (set.size > MOST_RECENT) set.delete(set.values().next().value);
}

async function work() {
  if (busy) return;
  busy = true;
  while (waiting.length) {
    try {
      await new Promise((resolve) => setTimeout(resolve)); // let what came with it be read
      await show(takeTogether());
    } catch (error) {
      headline({ text: `The profile could not be read: ${error.message}`, weight: 3 });
    }
  }
  busy = false;
}

/** The first waiting record, and those after it that became durable with it: one request, one position, one visitor. */
function takeTogether() {
  const { visitor, record } = waiting[0];
  const other = waiting.findIndex((each) => each.visitor !== visitor || each.record.position !== record.position);
  return waiting.splice(0, other < 0 ? waiting.length : other);
}

/** Read everything about the visitor as of these events, then draw it and say what changed. */
async function show(together) {
  const { visitor, record } = together[0];
  const all = await readPerson(visitor, record.position);
  if (!all) return; // erased meanwhile
  const seen = profiles.get(visitor) ?? { profile: null, viewsSince: 0, user: null };
  const sentences = together.map(({ record: each }) => {
    const claims = all.identity?.claims ?? [];
    const words = describe(each, { ...seen, before: seen.profile, after: all.profile, claims });
    each.entry.tell(words.text);
    addBounded(told, each.event.message_id);
    if (each.event.type === "page" && !each.again) seen.viewsSince += 1;
    seen.user = each.event.event === "Logged Out" ? null : (each.event.user_id ?? seen.user);
    return words;
  });
  headline(sentences.reduce((most, each) => (each.weight >= most.weight ? each : most)));
  // A reading may be ahead of the event it was made for. Only one that is not says how things were before the next.
  const newest = (all.timeline?.events ?? []).reduce((most, each) => (each.position > most.position ? each : most), { position: 0 });
  remindOf(visitor, told.has(newest.message_id) ? { ...seen, profile: all.profile, viewsSince: 0 } : seen);
  draw(visitor, all);
}

function remindOf(visitor, seen) {
  profiles.delete(visitor);
  profiles.set(visitor, seen);
  if (profiles.size > MOST_VISITORS) profiles.delete(profiles.keys().next().value);
}

async function readPerson(visitor, position) {
  const who = `/v1/profiles/${encodeURIComponent(visitor)}`;
  const profile = await api.read(who, position);
  if (!profile) return null;
  const [sessions, timeline, identity] = await Promise.all([
    api.read(`${who}/sessions?limit=${SHOWN_SESSIONS}`),
    api.read(`${who}/timeline?limit=${SHOWN_IN_TIMELINE}`),
    api.read(`${who}/identity`),
  ]);
  return { profile, sessions, timeline, identity };
}

/** The sentence on top. What matters more stays long enough to be read, whatever else happens. */
function headline({ text, weight }) {
  if (weight < said.weight && performance.now() - said.at < HEADLINE_MS) return;
  said = { weight, at: performance.now() };
  at("words").textContent = text;
}

function draw(visitor, all) {
  const person = at("person");
  const previous = shown.visitor === visitor ? shown.rows : new Map();
  person.replaceChildren(...drawPerson(all, hueOf(visitor)));
  markChanges(person, previous);
  shown = { visitor, rows: remember(person) };
  for (const entry of at("events").children) entry.classList.toggle("current", entry.dataset.visitor === visitor);
}

function addEntry(entry) {
  at("no-events").hidden = true;
  at("events").prepend(entry);
  while (at("events").children.length > MOST_EVENTS) at("events").lastChild.remove();
}

/** A new line in the list; the function returned as `tell` writes what it means beneath. */
function addToFeed({ outcome, reason, event, again }, visitor) {
  const dot = el("span.dot", { "aria-hidden": "true" });
  dot.style.setProperty("--hue", hueOf(visitor ?? ""));
  const time = timeOf(outcome === "accepted" ? event.received_at : Date.now());
  const meaning = el("span.meaning", { "data-test": "meaning" });
  const pick = el("button", { type: "button", title: "Follow this visitor only" }, dot, el("span.title", null, String(titleOf(event) ?? "event")), el("time.muted", null, time), meaning);
  if (visitor) pick.addEventListener("click", () => pin(visitor));
  const kind = el("summary", null, el("span.tag", null, String(event.type ?? "?")), noteOn(outcome, reason, event, again));
  const raw = el("details", { title: "The event as JSON" }, kind, el("pre", null, JSON.stringify(event, null, 2)));
  addEntry(el(`li.${outcome}`, { "data-visitor": visitor, "data-test": `event-${event.type ?? "unknown"}` }, pick, raw));
  return { tell: (text) => meaning.replaceChildren(text) };
}

function noteOn(outcome, reason, event, again) {
  if (outcome !== "accepted") return el("span.tag.warn", { "data-test": "note" }, [outcome, reason].filter(Boolean).join(": "));
  if (again) return el("span.tag", { "data-test": "note" }, "again");
  return event.trust === "public" ? null : el("span.tag.good", { "data-test": "note" }, event.trust);
}

function pin(visitor) {
  pinned = visitor;
  at("follow").hidden = visitor === null;
  if (visitor) refresh(visitor);
}

/** Draw a visitor as they are now, without an event to tell of. */
async function refresh(visitor) {
  try {
    const all = await readPerson(visitor);
    if (!all) return;
    remindOf(visitor, { profile: all.profile, viewsSince: 0, user: null });
    headline({ text: "Following this visitor only.", weight: 3 });
    draw(visitor, all);
  } catch (error) {
    headline({ text: `The profile could not be read: ${error.message}`, weight: 3 });
  }
}

function onState(state) {
  at("state").textContent = state === "live" ? "Live" : `Reconnecting: ${state}`;
  at("state").classList.toggle("on", state === "live");
}

if (config.shop_url) {
  at("shop").href = config.shop_url;
  at("shop").hidden = false;
}
at("follow").addEventListener("click", () => pin(null));
api.follow(onRecord, onState);
