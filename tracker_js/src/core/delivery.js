import { backoff } from "./backoff.js";
import { bound, sizeOf, takeBatch, writeBatch } from "./batch.js";
import { local, readJson } from "./storage.js";
import { pixelOf, post, sendBeacon } from "./transport.js";
import { giveUpTurn, takeTurn } from "./turns.js";

// Long enough that what a page tracks as it starts is one request, short enough to watch it arrive.
const GATHER_MS = 250;
const MOST_AT_ONCE = 500;
const RETRY_KEY = "ariane_retry";
// The collector cannot read these, and never will: trying again would block the queue behind them.
const REFUSALS = [400, 413, 415, 422];

/**
 * Gets events to the collector: queued, batched, retried, and removed only after a 200 that counts them.
 *
 * One tab at a time sends what waits for all of them (turns.js). A leaving page sends what it made itself, whoever's
 * turn it is. An event may so be sent twice, and is one by its message id.
 */
export function createDelivery({ _options, _emit, _mode, _store, _guard }) {
  const { writeKey, endpoint } = _options;
  const url = endpoint + "v1/batch";
  // What this page made and does not know to be delivered, and of that what is not saved yet, and what is on its way.
  const fresh = new Map();
  const saving = new Map();
  const flying = new Set();
  let most = MOST_AT_ONCE;
  let retry = { at: 0, n: 0 };
  let timer;
  let timerAt = Infinity;
  let draining;

  // In anonymous mode the collector's cookie must be neither sent nor set.
  const credentials = () => (_mode() === "full" ? _options.credentials || "same-origin" : "omit");

  // Shared with other tabs and later pages: a collector that asked for a minute gets it from all of them.
  const readRetry = () => (_mode() === "full" && readJson(local._get(RETRY_KEY))) || retry;
  const setRetry = (next) => {
    retry = next;
    if (_mode() === "full") {
      if (next.n) local._set(RETRY_KEY, JSON.stringify(next));
      else local._remove(RETRY_KEY);
    }
  };

  const schedule = (waitMs) => {
    const at = Date.now() + waitMs;
    if (at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(() => {
      timerAt = Infinity;
      drain();
    }, waitMs);
  };

  const forget = async (ids) => {
    ids.forEach((id) => fresh.delete(id));
    await _store._remove(ids);
  };

  const settle = async (records, answer) => {
    const refused = answer.rejected || [];
    await forget(records.map((record) => record.id));
    if (refused.length) _emit("rejected", refused);
    const ids = records.map((record) => record.id);
    _emit("delivered", ids.filter((id, i) => !refused.some((each) => each.index === i)));
  };

  /** Sends one batch and draws the consequences. Whether to go on with the next. */
  const send = async (records, leaving) => {
    const ids = records.map((record) => record.id);
    ids.forEach((id) => flying.add(id));
    const body = writeBatch(records, writeKey, Date.now());
    // What waits from earlier pages may wait for a next one, and leaves the browser's 64 KiB to a page that is leaving.
    const keepalive = leaving || (ids.some((id) => fresh.has(id)) && sizeOf(body) < 65536);
    const answer = await post(url, body, keepalive, credentials());
    ids.forEach((id) => flying.delete(id));
    const { _status } = answer;
    if (_status === 200 && answer._answer.success) {
      setRetry({ at: 0, n: 0 });
      await settle(records, answer._answer);
      return true;
    }
    if (REFUSALS.includes(_status)) {
      // One of these is poison. Halve until it stands alone, then let go of it.
      most = Math.ceil(records.length / 2);
      if (records.length === 1) {
        most = MOST_AT_ONCE;
        await forget(ids);
        _emit("rejected", [{ index: 0, message_id: ids[0], reason: "http_" + _status }]);
      }
      return !leaving;
    }
    if (leaving && !_status && _mode() === "full" && !sendBeacon(url, body)) {
      for (const record of records) {
        const pixel = pixelOf(endpoint, writeKey, JSON.parse(record.body));
        if (pixel) new Image().src = pixel;
      }
    }
    // A wrong key, or an origin that is not listed: somebody must mend that, and the events wait for it.
    if (_status > 400 && _status < 500 && _status !== 429) _emit("error", new Error("ariane: the collector answered " + _status));
    const { n } = readRetry();
    setRetry({ at: Date.now() + backoff(n + 1, answer._retryAfterS, Math.random()), n: n + 1, offline: !_status });
    return false;
  };

  /** One request's worth of the queue, in our turn. Whether there may be more. */
  const step = async () => {
    const now = Date.now();
    const wait = readRetry().at - now;
    if (wait > 0) {
      schedule(wait);
      return false;
    }
    await Promise.all(saving.values());
    const unsettled = new Set(fresh.keys());
    const waiting = (await _store._all()).filter((record) => record.key === writeKey);
    // Another tab may have delivered ours meanwhile.
    waiting.forEach((record) => unsettled.delete(record.id));
    unsettled.forEach((id) => saving.has(id) || flying.has(id) || fresh.delete(id));
    const { _keep, _drop } = bound(waiting, now);
    if (_drop.length) {
      const ids = _drop.map((record) => record.id);
      await forget(ids);
      _emit("dropped", { ids, reason: "queue_full" });
    }
    const ready = _keep.filter((record) => !flying.has(record.id));
    if (!ready.length) return false;
    const more = await send(takeBatch(ready, most));
    if (!more) schedule(Math.max(0, readRetry().at - Date.now()));
    return more;
  };

  const drain = _guard(async () => {
    if (draining) return;
    draining = true;
    let more;
    try {
      // Without full consent the queue is this page's own memory, and a turn could leave a trace on the device.
      do more = await (_mode() === "full" ? takeTurn(step) : step());
      while (more);
    } finally {
      draining = false;
    }
    // Not our turn: look again. Or something was tracked while we were at it.
    if (more === undefined) schedule(1000);
    else if (fresh.size) schedule(Math.max(GATHER_MS, readRetry().at - Date.now()));
  });

  addEventListener("online", () => {
    if (readRetry().offline) setRetry({ at: 0, n: 0 });
    schedule(0);
  });

  return {
    /** Takes a finished event. Resolves when it is saved, so that it survives leaving the page. */
    async _add(event) {
      const body = JSON.stringify(event);
      const id = event.messageId;
      const record = { id, key: writeKey, at: Date.now(), size: sizeOf(body), body };
      fresh.set(id, record);
      const saved = _store._put(record);
      saving.set(id, saved);
      schedule(GATHER_MS);
      await saved;
      saving.delete(id);
    },

    /** The page is hidden, and may never be seen again. `ending`: it is being left for certain. */
    _leave(ending) {
      if (ending) {
        _store._leave();
        giveUpTurn();
      }
      if (readRetry().at > Date.now()) return;
      let records = bound([...fresh.values()].filter((record) => !flying.has(record.id)), Date.now())._keep;
      while (records.length) {
        const batch = takeBatch(records, MOST_AT_ONCE);
        records = records.slice(batch.length);
        send(batch, true).then(() => schedule(GATHER_MS));
      }
    },

    /** Look for what waits from before. */
    _wake: () => schedule(GATHER_MS),

    async _clear() {
      fresh.clear();
      setRetry({ at: 0, n: 0 });
      await _store._clear();
    },
  };
}
