import { backoff } from "./backoff.js";
import { excess } from "./bounds.js";
import { certain, emit, flying, fresh, guard, isFull, on, options, read, removeAll, send, shared, takeBatch, write } from "./inside.js";
import { rescue } from "./rescue.js";
import { waiting } from "./waiting.js";

const KEY = "ariane_retry";
const LOOK_AFTER_MS = 250;
const MOST_AT_ONCE = 500;
// What another tab made is that tab's to send, until it had the time to.
const OTHERS_MS = 5000;
// The collector cannot read these, and never will: trying again would block the queue behind them.
const REFUSALS = [400, 413, 415, 422];

/**
 * Tries again what was sent and not heard of: with backoff, across page loads, for days.
 *
 * One tab at a time looks after what waits for all of them. `{n, at, offline}` in localStorage says how many failed in a
 * row, when the next may be tried, and whether there was no answer at all: a collector that asked for a minute gets it
 * from all tabs and later pages.
 */
export const retry = () => {
  // What this page sent in vain: a leaving page tries it once more.
  const failed = new Map();
  let most = MOST_AT_ONCE;
  let leaving = false;
  let timer;
  let draining;
  let giveUpTurn = () => {};

  const readRetry = () => read("local", KEY) || shared._retry || { at: 0, n: 0 };
  const setRetry = (next) => {
    shared._retry = next;
    write("local", KEY, next);
  };
  const letGo = (ids) => {
    ids.forEach((id) => failed.delete(id) || fresh.delete(id));
    return removeAll(ids);
  };

  /** Looks for what waits, after `waitMs` and as soon as it may be sent. */
  const wake = (waitMs = LOOK_AFTER_MS) => {
    clearTimeout(timer);
    timer = setTimeout(drain, Math.max(waitMs, readRetry().at - Date.now()));
  };

  const fail = (records, status, asked, body) => {
    const ids = records.map(({ id }) => id);
    const poisoned = REFUSALS.includes(status);
    const n = readRetry().n + 1;
    setRetry(poisoned ? undefined : { at: Date.now() + backoff(n, asked, Math.random(), Date.now()), n, offline: !status });
    if (poisoned && ids.length === 1) {
      most = MOST_AT_ONCE;
      letGo(ids);
      emit("rejected", [{ index: 0, message_id: ids[0], reason: "http_" + status }]);
      return;
    }
    records.forEach((record) => failed.set(record.id, record));
    // One of these is poison. Halve until it stands alone, then let go of it.
    if (poisoned) most = Math.ceil(ids.length / 2);
    // A wrong key, or an origin that is not listed: somebody must mend that, and the events wait for it.
    else if (status > 400 && status < 500 && status !== 429) emit("error", new Error("ariane: the collector answered " + status));
    else if (leaving && !status && isFull()) rescue(options, records, body);
  };

  /** What the collector refused of what it took, and what it has. */
  const tell = (records, { rejected = [] }) => {
    if (rejected.length) emit("rejected", rejected);
    emit("delivered", records.map(({ id }) => id).filter((id, i) => !rejected.some(({ index }) => index === i)));
  };

  on("_sent", ([records, delivered, status, asked, body, answer]) => {
    if (delivered) {
      records.forEach(({ id }) => failed.delete(id));
      setRetry();
      tell(records, answer);
    } else {
      fail(records, status, asked, body);
      wake();
    }
  });

  /** One request's worth of what waits. Whether there may be more. */
  const step = async () => {
    const now = Date.now();
    if (readRetry().at > now) return false;
    const found = await waiting();
    // Another tab may have delivered ours meanwhile.
    if (!found._partial) failed.forEach((record, id) => found.has(id) || failed.delete(id));
    const all = [...found.values()].filter(({ id, key }) => key === options.writeKey && !flying.has(id));
    const ids = excess(all, now);
    if (ids.length) {
      await letGo(ids);
      emit("dropped", { ids, reason: "queue_full" });
    }
    const ready = all.filter(({ id, tab, at }) => !ids.includes(id) && (failed.has(id) || fresh.has(id) || tab === shared._tab || now - at > OTHERS_MS));
    if (ready.length) return (await send(takeBatch(ready, most))) || !readRetry().n;
    if (all.length > ids.length) wake(OTHERS_MS);
    return false;
  };

  /**
   * Runs `step` while no other tab of this site runs its own.
   *
   * A held lock keeps a page out of the back/forward cache ("lock" in
   * https://html.spec.whatwg.org/multipage/nav-history-apis.html#the-notrestoredreasons-interface), so a leaving page lets
   * go of it; what is still on its way may then be sent again by another tab, and is one event by its id.
   */
  const takeTurn = async () => {
    // Without full consent the queue is this page's own memory, and a turn could leave a trace on the device.
    if (!isFull()) return step();
    try {
      return await navigator.locks.request("ariane", () => Promise.race([step(), new Promise((resolve) => (giveUpTurn = resolve))]));
    } catch {
      return step(); // no locks: outside secure contexts, and in sandboxed documents, which share no queue with anybody
    }
  };

  const drain = guard(async () => {
    if (draining) return wake();
    draining = true;
    try {
      await certain();
      while (await takeTurn());
    } finally {
      draining = false;
      if (readRetry().n) wake();
    }
  });

  on("_leave", (ending) => {
    leaving = true;
    if (ending) giveUpTurn();
    if (readRetry().offline) setRetry();
    const records = [...failed.values()].filter(({ id }) => !flying.has(id));
    if (records.length && !(readRetry().at > Date.now())) send(takeBatch(records, most), true);
  });
  const back = () => {
    leaving = document.hidden;
    if (!leaving) wake();
  };
  addEventListener("pageshow", back);
  document.addEventListener("visibilitychange", back);
  addEventListener("online", () => {
    if (readRetry().offline) setRetry();
    wake();
  });
  wake();
};
