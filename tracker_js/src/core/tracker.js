/**
 * The tracker, put together. An event's way, top to bottom:
 *
 *     call → make (time, id, page, user) → hold (consent, prerendering) → finish (device, number) → deliver
 */
import { readCall } from "./calls.js";
import { readContext } from "./context.js";
import { deliver, fresh } from "./delivery.js";
import { emit, guard, on } from "./events.js";
import { asking, currentUser, forget, load, login, proofOf, renew, who } from "./identity.js";
import { newId } from "./ids.js";
import { currentPage, flushPage, view } from "./pages.js";
import { toJson } from "./scrub.js";
import { isFull, isMode, mode, setMode } from "./state.js";
import { clear } from "./store.js";
import { forgetTab, number } from "./tab.js";

let answeredNo = false;
let held = [];
let lastTime = 0;
let calledAt; // the time of a call that the loader stub noted

/** Strictly growing within a page, so that events made in one millisecond keep their order. */
const now = (time = Date.now()) => {
  // A clock set back by a second or more is followed.
  return (lastTime = (lastTime - time) >>> 0 < 1e3 ? lastTime + 1 : time);
};

/** Ids are texts; a shop's are often numbers. */
const asId = (value) => (value ? String(value) : undefined);

const make = (type, fields, given) => {
  const { userId = currentUser(), properties } = fields;
  return {
    type,
    messageId: given.messageId || newId(),
    timestamp: new Date(given.timestamp || now(calledAt)).toISOString(),
    ...fields,
    properties: properties && JSON.parse(toJson(properties, true)),
    userId,
    anonymousId: given.anonymousId || who.device,
    context: { ...readContext(currentPage()), identityProof: proofOf(userId), ...given.context },
  };
};

const finish = (event) => {
  const { context } = event;
  event.anonymousId = event.anonymousId || who.device;
  context.consent = { ...context.consent, mode };
  context.ariane = number();
  if (!isFull()) event.userId = context.identityProof = undefined;
  emit("event", event);
  return deliver(event);
};

const waits = () => mode === "denied" || document.prerendering;

/** Resolves once the event is saved (or, with no consent, let go of). */
const submit = (event) => {
  if (answeredNo) return emit("dropped", { ids: [event.messageId], reason: "consent" });
  // What names a person (`identify`, `alias`, `group`: all that have no properties) waits for full consent.
  return waits() || (!isFull() && !event.properties) ? hold(event) : finish(event);
};

const hold = (event) => new Promise((resolve) => held.push([event, resolve]));

export const submitHeld = () => {
  const waiting = held;
  held = [];
  waiting.forEach(([event, resolve]) => resolve(event && submit(event)));
};

export const record = (type, fields, given = {}) => {
  if (type !== "page") flushPage();
  return submit(make(type, fields, given));
};

/** A public call: its arguments as Segment's, its promise resolved once its event is saved. */
const call = (most, work) =>
  guard(async (...args) => {
    const [texts, fields, given, callback] = readCall(args, most);
    await work(texts, fields, given);
    callback?.();
  });

/** The functions of the global but `on`, which waits for nothing. */
export const api = {

  track: call(1, ([event], properties, given) => record("track", { event, properties }, given)),

  page: call(2, (texts, properties, given) => {
    const name = texts.pop() || undefined;
    const category = texts.pop() || undefined;
    return view({ name, properties: { category, ...properties } }, given);
  }),

  identify: call(1, ([id], traits, given) => {
    flushPage();
    const userId = asId(id);
    if (userId) login(userId, given.proof);
    return record("identify", { userId, traits }, given);
  }),

  group: call(1, ([id], traits, given) => record("group", { groupId: asId(id), traits }, given)),

  // Without properties of its own, an alias has its options where others have those.
  alias: call(2, ([id, previous], fields, given) =>
    record("alias", { userId: asId(id), previousId: asId(previous) || who.user || who.device }, { ...fields, ...given }),
  ),

  reset: guard(async () => {
    // What was seen so far was seen by who leaves.
    emit("_turn");
    const saved = record("track", { event: "Logged Out", properties: {} });
    await renew();
    await saved;
  }),

  consent: guard(async (next) => {
    if (isMode(next) && (next !== mode || next === "denied")) {
      const cleared = isFull() && clear();
      if (cleared) {
        fresh.clear();
        forgetTab();
        forget();
      }
      setMode(next);
      answeredNo = next === "denied";
      if (!answeredNo) load();
      submitHeld();
      emit("consent", next);
      await cleared;
    }
    return mode;
  }),

  ready: guard(async (callback) => {
    while (waits()) await hold();
    await asking;
    const found = { anonymousId: who.device, userId: who.user || null };
    callback?.(found);
    return found;
  }),
};

/** One call as the loader stub notes it: `[method, arguments, resolve, time]`. */
export const run = guard(([name, args, resolve, at]) => {
  calledAt = at;
  const result = (api[name] || on)(...args);
  calledAt = undefined;
  resolve?.(result);
});
