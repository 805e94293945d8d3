import { transact } from "./database.js";
import { isFull } from "./state.js";
import { LOCAL, wipe, write } from "./storage.js";

const PREFIX = "ariane_q:";

/**
 * Where undelivered events wait: IndexedDB, else localStorage (one key an event, so that tabs cannot overwrite each
 * other's), else memory. Without full consent nothing but memory.
 *
 * A record is `{id, key, at, body}`: message id, write key, when it was queued in ms, the event as JSON. It is read by later
 * versions of this script, so its names are not mangled and must not change.
 */
export const unsaved = new Map();
let saving;

const change = (work) => transact("readwrite", work);
const nothing = () => {};

/** Resolves when the record is as safe as this browser can make it. What comes together is one transaction. */
export const save = (record) => {
  unsaved.set(record.id, record);
  return (saving = saving || saveAll());
};

const saveAll = async () => {
  let ids = [];
  try {
    await undefined; // so that a burst of calls is together here
    if (isFull()) {
      await change((queue) => {
        saving = undefined;
        ids = [...unsaved.keys()];
        unsaved.forEach((record) => queue.put(record));
      });
    }
    ids.forEach((id) => unsaved.delete(id));
  } catch {
    saveLocally(); // what cannot be kept there either is kept in memory
  }
  saving = undefined;
};

/** At the page's end a transaction may no longer finish; a localStorage write is done when the call returns. */
export const saveLocally = () => unsaved.forEach((record, id) => write(LOCAL, PREFIX + id, record));

export const removeAll = async (ids) => {
  for (const id of ids) {
    unsaved.delete(id);
    write(LOCAL, PREFIX + id);
  }
  if (isFull()) await change((queue) => ids.forEach((id) => queue.delete(id))).catch(nothing);
};

/** Forget everything, on the device and in memory: consent was withdrawn. */
export const clear = () => {
  unsaved.clear();
  wipe();
  return change((queue) => queue.clear()).catch(nothing);
};
