import { isFull, read, rows, transact, unsaved } from "./inside.js";

const PREFIX = "ariane_q:";

/** Everything that waits, of all tabs and earlier visits, by id (core/store.js); `_partial` when some may be missing. */
export const waiting = async () => {
  const found = new Map(unsaved);
  const add = (record) => record && found.set(record.id, record);
  if (isFull()) {
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) add(read("local", key));
    } catch {
      // forbidden, so nothing is there
    }
    const saved = await transact("readonly", (queue) => queue.getAll()).catch(() => (found._partial = []));
    // An event alone in its row is how an earlier version kept it.
    for (const row of saved) {
      const { id, all = new Map([[id, row]]) } = row;
      const kept = { id, all }; // one for all of its events: what changes in it is written once
      all.forEach((record, each) => {
        add(record);
        if (!rows.has(each)) rows.set(each, kept);
      });
    }
  }
  return found;
};
