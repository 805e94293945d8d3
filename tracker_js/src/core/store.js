import { transact } from "./database.js";
import { LOCAL, wipe, write } from "./storage.js";

const PREFIX = "ariane_q:";

/**
 * Where undelivered events wait: IndexedDB, else localStorage (one key an event, so that tabs cannot overwrite each
 * other's), else memory. Without full consent nothing but memory.
 *
 * A record is `{id, key, tab, at, body}`: message id, write key, tab, when it was queued in ms, the event as JSON. What came
 * together is one row of the database, `{id, all}`: its first event's id, and a Map of records by id. Firefox takes a hop
 * between threads and back for each row: on a busy machine 50 of them were not written 100 ms later, and one was after 20.
 * Both are read by later versions of this script, so their names are not mangled and must not change.
 */
export const unsaved = new Map();
/** The row that holds an event, by the event's id. */
export const rows = new Map();
let burst; // the row to come
let saving;

/** A change that may fail: then what is removed is sent again, and is one by its id. */
const change = (work) => transact("readwrite", work).catch(() => {});

/** Resolves when the record is as safe as this browser can make it. */
export const save = (record) => {
  const { id } = record;
  burst = burst || { id, all: new Map() };
  burst.all.set(id, record);
  rows.set(id, burst);
  unsaved.set(id, record);
  return (saving = saving || saveAll());
};

const saveAll = async () => {
  let row;
  try {
    await transact("readwrite", (queue) => {
      // A moment after the call, so that a burst of calls is together here.
      row = burst;
      saving = burst = undefined;
      if (row.all.size) queue.put(row);
    });
    row.all.forEach((record, id) => unsaved.delete(id));
  } catch {
    saving = undefined;
    saveLocally(); // what cannot be kept there either is kept in memory
  }
};

/** At the page's end a transaction may no longer finish; a localStorage write is done when the call returns. */
export const saveLocally = () => unsaved.forEach((record, id) => write(LOCAL, PREFIX + id, record));

export const removeAll = async (ids) => {
  const touched = new Set();
  ids.forEach((id) => {
    write(LOCAL, PREFIX + id);
    unsaved.delete(id);
    const row = rows.get(id);
    if (row?.all.delete(id)) touched.add(row);
    rows.delete(id);
  });
  await change((queue) => touched.forEach((row) => (row.all.size ? queue.put(row) : queue.delete(row.id))));
};

/** Forget everything, on the device and in memory: consent was withdrawn. */
export const clear = () => {
  unsaved.clear();
  burst = rows.clear();
  wipe();
  return change((queue) => queue.clear());
};
