/**
 * The tracker, put together. An event's way, top to bottom:
 *
 *     call → make (time, id, page, user) → hold (consent, prerendering, identity) → finish (device, number) → deliver
 */
import { readCall } from "./calls.js";
import { createDelivery } from "./delivery.js";
import { createEmitter } from "./emitter.js";
import { learnTimezone, readContext } from "./context.js";
import { createIdentity } from "./identity.js";
import { newId } from "./ids.js";
import { createPages } from "./pages.js";
import { createStore } from "./store.js";
import { createTab } from "./tab.js";
import { VERSION } from "./version.js";

const MODES = ["denied", "anonymous", "full"];
// What names a person waits for full consent.
const PERSONAL = ["identify", "alias", "group"];

/**
 * A tracker for `options`: `{writeKey, endpoint, consent, autoPage, hash, credentials}` (types/ariane.d.ts).
 * Each of `extras` is given the inside and adds what it does.
 */
export function createTracker(options, extras) {
  const { _on, _emit } = createEmitter();
  let mode = MODES.includes(options.consent) ? options.consent : "full";
  let answeredNo = false;
  let held = [];
  let lastTime = 0;
  let loaded; // a promise of the identity while it is being read
  let resolveReady;
  const ready = new Promise((resolve) => {
    resolveReady = resolve;
  });
  // Why events wait now: each a reason, gone when it is.
  const holds = new Set();

  /** A function whose trouble, at once or later, is told to the `error` listeners and goes no further. */
  const report = (error) => _emit("error", error);
  const guard = (work) => (...args) => {
    try {
      const result = work(...args);
      return result instanceof Promise ? result.catch(report) : result;
    } catch (error) {
      return report(error);
    }
  };

  const inside = { _options: options, _emit, _on, _mode: () => mode, _guard: guard };
  const store = (inside._store = createStore(() => mode === "full"));
  const tab = createTab(() => mode === "full");
  const identity = createIdentity(inside);
  const delivery = createDelivery(inside);
  const pages = createPages(inside);

  /** Strictly growing within a page, so that events made in one millisecond keep their order. */
  const now = () => {
    const time = Date.now();
    // A clock set back by more than this is followed.
    lastTime = time <= lastTime && lastTime - time < 1000 ? lastTime + 1 : time;
    return lastTime;
  };

  const make = (type, fields, given, at) => {
    const time = given.timestamp ? new Date(given.timestamp) : new Date(at || now());
    const event = { type, messageId: given.messageId || newId(), timestamp: time.toISOString(), ...fields };
    event.anonymousId = given.anonymousId || identity._device();
    if (given.integrations) event.integrations = given.integrations;
    const context = readContext(inside._page || pages._current(), mode);
    event.context = { ...context, ...given.context };
    event.context.consent = { ...context.consent, ...event.context.consent };
    identity._mark(event);
    return event;
  };

  const finish = (event) => {
    if (!event.anonymousId) {
      event.anonymousId = identity._device();
      identity._markLate(event);
    }
    const proof = identity._proofOf(event);
    if (proof && !event.context.identityProof) event.context.identityProof = proof;
    event.context.consent.mode = mode;
    event.context.ariane = tab._next();
    if (mode !== "full") delete event.userId;
    _emit("event", event);
    return delivery._add(event);
  };

  /** Resolves once the event is saved (or, with no consent, let go of). */
  const submit = (event) => {
    if (answeredNo) {
      _emit("dropped", { ids: [event.messageId], reason: "consent" });
      return undefined;
    }
    const waits = holds.size || (mode !== "full" && PERSONAL.includes(event.type));
    return waits ? new Promise((resolve) => held.push([event, resolve])) : finish(event);
  };

  const flushHeld = () => {
    if (holds.size) return;
    resolveReady();
    const waiting = held;
    held = [];
    for (const [event, resolve] of waiting) resolve(submit(event));
  };

  const hold = (reason) => holds.add(reason);
  const release = (reason) => {
    if (holds.delete(reason)) flushHeld();
  };

  const load = () => {
    hold("identity");
    loaded = identity._load();
    if (loaded) loaded.then(() => release("identity"));
    else release("identity");
  };

  const record = (type, fields, given, at) => {
    if (type !== "page") pages._flush();
    return submit(make(type, fields, given, at));
  };

  /** A public call: its arguments as Segment's, its promise resolved with the event's id once it is saved. */
  const call = (most, work) =>
    guard(async (args, at) => {
      const read = readCall(args, most);
      await work(read, read._options, at);
      if (read._callback) guard(read._callback)();
    });

  const methods = {
    track: call(1, ({ _texts, _fields }, given, at) => record("track", { event: _texts[0], properties: _fields }, given, at)),

    page: call(2, ({ _texts, _fields }, given, at) => {
      const name = _texts.pop();
      const category = _texts.pop();
      return pages._view({ ...(name && { name }), properties: { ...(category && { category }), ..._fields } }, given, at);
    }),

    identify: call(1, ({ _texts, _fields }, given, at) => {
      const id = asId(_texts[0]);
      pages._flush();
      if (id) identity._identify(id, given.proof);
      return record("identify", { ...(id && { userId: id }), traits: _fields }, given, at);
    }),

    group: call(1, ({ _texts, _fields }, given, at) => record("group", { groupId: asId(_texts[0]), traits: _fields }, given, at)),

    alias: call(2, ({ _texts, _fields }, given, at) => {
      // Without properties of its own, an alias has its options where others have those.
      const previousId = asId(_texts[1]) || identity._user() || identity._device();
      return record("alias", { userId: asId(_texts[0]), previousId }, { ..._fields, ...given }, at);
    }),

    reset: guard(async (args, at) => {
      // What was seen so far was seen by who leaves.
      _emit("_turn");
      const saved = record("track", { event: "Logged Out", properties: {} }, {}, at);
      identity._logout();
      if (mode === "full") {
        hold("device");
        await loaded;
        await identity._renew();
        release("device");
      }
      await saved;
    }),

    consent: guard(async (args) => {
      const next = args[0];
      if (!MODES.includes(next) || (next === mode && next !== "denied")) return mode;
      const before = mode;
      answeredNo = next === "denied";
      let cleared;
      if (before === "full") {
        cleared = delivery._clear();
        tab._forget();
        identity._forget();
      }
      mode = next;
      if (answeredNo) {
        hold("consent");
        const ids = held.map(([event, resolve]) => (resolve(), event.messageId));
        held = [];
        if (ids.length) _emit("dropped", { ids, reason: "consent" });
      } else {
        holds.delete("consent");
        load();
        delivery._wake();
      }
      _emit("consent", mode);
      await cleared;
      return mode;
    }),

    ready: guard(async (args) => {
      await ready;
      const who = { anonymousId: identity._device(), userId: identity._user() || null };
      if (args[0]) guard(args[0])(who);
      return who;
    }),

    on: guard((args) => _on(args[0], args[1])),
  };

  const leave = guard((ending) => {
    pages._flush();
    _emit("_leave", ending);
    if (holds.has("identity") || holds.has("device")) {
      holds.delete("identity");
      holds.delete("device");
      identity._settleNow();
      flushHeld();
    }
    if (ending) tab._leave();
    delivery._leave(ending);
  });

  Object.assign(inside, {
    _record: guard(record),
    _renewAnonymous: () => mode === "anonymous" && identity._anonymous(),
  });

  /** Starts watching. `pending` are the calls made before the script was here. */
  const start = (pending) => {
    guard(learnTimezone)();
    if (mode === "denied") hold("consent");
    else load();
    if (document.prerendering) {
      hold("prerendering");
      document.addEventListener(
        "prerenderingchange",
        guard(() => {
          release("prerendering");
          return pages._start();
        }),
      );
    }
    extras.forEach((extra) => guard(extra)(inside));
    pending.forEach(run);
    if (!document.prerendering) guard(pages._start)();
    // Never `unload`: it disables the back/forward cache, and phones do not fire it.
    // https://developer.chrome.com/docs/web-platform/deprecating-unload
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave(false));
    // Safari navigates away without visibilitychange: https://bugs.webkit.org/show_bug.cgi?id=151610
    addEventListener("pagehide", () => leave(true));
    addEventListener(
      "pageshow",
      guard((event) => {
        if (!event.persisted) return undefined;
        tab._return();
        delivery._wake();
        return pages._return();
      }),
    );
    delivery._wake();
  };

  /** One call as the loader stub notes it: `[method, arguments, resolve, time]`. */
  const run = guard(([name, args, resolve, at]) => {
    const result = methods[name](args, at);
    if (resolve) resolve(result);
  });

  const api = { version: VERSION };
  for (const name of Object.keys(methods)) api[name] = (...args) => methods[name](args);
  return { _api: api, _start: start, _run: run };
}

/** Ids are texts; a shop's are often numbers. */
function asId(value) {
  return value == null || value === "" ? undefined : String(value);
}
