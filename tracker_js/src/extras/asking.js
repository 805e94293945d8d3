import { guard, isFull, on, options, post, read, setWho, transact, who } from "./inside.js";
import { takeToken } from "./links.js";

const KEY = "ariane_id";

/**
 * Who this browser is, where that outlives localStorage: in IndexedDB, which a killed browser does not lose, and in the
 * collector's cookie, which outlives whatever scripts may store. And in other tabs, which may log in or out.
 */
export const asking = () => {
  // Somebody deletes the database (a "clear site data" button), or a later version changes it: do not stand in the way.
  if (isFull()) {
    guard(transact)("readonly", (queue) => {
      const { db } = queue.transaction;
      db.onversionchange = () => db.close();
    });
  }
  const keep = guard((known) => isFull() && known.sure && transact("readwrite", (queue) => queue.put(known)));
  on("_who", keep);
  addEventListener("storage", guard(({ key, newValue }) => key === KEY && newValue && isFull() && setWho(JSON.parse(newValue), true)));
  // Somebody may have logged in or out there before this file was here to hear of it.
  setWho(read("local", KEY) || who(), true);
  return {
    /** `{device, …}`, or undefined when nobody answers. `known`: the id to be unless the cookie has another; else a new one. */
    _ask: async (known) => {
      const kept = known && (await transact("readonly", (queue) => queue.get(KEY)).catch(() => {}));
      if (kept) return kept;
      const [, answer] = await post("v1/device", JSON.stringify({ writeKey: options.writeKey, anonymousId: known, link: known && takeToken() }), true);
      return answer && answer.anonymous_id && { device: answer.anonymous_id };
    },
  };
};
