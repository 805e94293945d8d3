import { takeToken } from "./links.js";

const KEY = "ariane_id";

/**
 * Who this browser is, where that outlives localStorage: in IndexedDB, which a killed browser does not lose, and in the
 * collector's cookie, which outlives whatever scripts may store. And in other tabs, which may log in or out.
 */
export const asking = (inside) => {
  const { _on, _post, _transact, _guard, _isFull, _options, _who, _setWho } = inside;
  // Somebody deletes the database (a "clear site data" button), or a later version changes it: do not stand in the way.
  if (_isFull()) {
    _guard(_transact)("readonly", (queue) => {
      const { db } = queue.transaction;
      db.onversionchange = () => db.close();
    });
  }
  const keep = _guard((who) => _isFull() && who.sure && _transact("readwrite", (queue) => queue.put(who)));
  _on("_who", keep);
  keep(_who());
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue && _isFull()) _setWho(JSON.parse(newValue));
  });
  return {
    /** `{device, …}`, or undefined when nobody answers. `known`: the id to be unless the cookie has another; else a new one. */
    _ask: async (known) => {
      const kept = known && (await _transact("readonly", (queue) => queue.get(KEY)).catch(() => {}));
      if (kept) return kept;
      const [, answer] = await _post("v1/device", JSON.stringify({ writeKey: _options.writeKey, anonymousId: known, link: known && takeToken(inside) }), true);
      return answer && answer.anonymous_id && { device: answer.anonymous_id };
    },
  };
};
