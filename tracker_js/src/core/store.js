import { local, readJson } from "./storage.js";
import { transact } from "./database.js";

const PREFIX = "ariane_q:";

/**
 * Where undelivered events wait: IndexedDB, else localStorage (one key an event, so that tabs cannot overwrite each
 * other's), else memory. `allowed()` says whether anything may be kept on the device now; memory is always there.
 *
 * A record is `{id, key, at, size, body}`: message id, write key, when it was queued in ms, bytes, the event as JSON. It is read
 * by later versions of this script, so its names are not mangled and must not change.
 */
export function createStore(allowed) {
  const memory = new Map();

  const keepLocally = (record) => allowed() && local._set(PREFIX + record.id, JSON.stringify(record));

  return {
    /** Resolves when the record is as safe as this browser can make it. */
    async _put(record) {
      memory.set(record.id, record);
      if (!allowed()) return;
      try {
        await transact("queue", "readwrite", (queue) => queue.put(record));
      } catch {
        if (!keepLocally(record)) return; // memory is what is left
      }
      memory.delete(record.id);
    },

    /** Everything that waits, of all tabs and earlier visits, in no order. */
    async _all() {
      const found = new Map(memory);
      if (!allowed()) return [...found.values()];
      for (const key of local._keys(PREFIX)) {
        const record = readJson(local._get(key));
        if (record) found.set(record.id, record);
      }
      const saved = await transact("queue", "readonly", (queue) => queue.getAll()).catch(() => []);
      for (const record of saved) found.set(record.id, record);
      return [...found.values()];
    },

    async _remove(ids) {
      for (const id of ids) {
        memory.delete(id);
        if (allowed()) local._remove(PREFIX + id);
      }
      if (allowed()) await transact("queue", "readwrite", (queue) => ids.map((id) => queue.delete(id))[0]).catch(() => {});
    },

    /** At the page's end a transaction may no longer finish; a localStorage write is done when the call returns. */
    _leave() {
      memory.forEach(keepLocally);
    },

    /** A small value that must survive the browser being killed (the identity): undefined when there is none. */
    _read: (name) => transact("kept", "readonly", (kept) => kept.get(name)).catch(() => undefined),
    _write: (name, value) => transact("kept", "readwrite", (kept) => kept.put(value, name)).catch(() => {}),

    /** Forget everything, on the device and in memory: consent was withdrawn. */
    async _clear() {
      memory.clear();
      local._keys("ariane_").forEach(local._remove);
      for (const name of ["queue", "kept"]) await transact(name, "readwrite", (store) => store.clear()).catch(() => {});
    },
  };
}
