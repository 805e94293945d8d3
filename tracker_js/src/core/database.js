import { isFull } from "./state.js";

// Private windows and some embedded browsers never answer `open` (https://bugs.webkit.org/show_bug.cgi?id=226547).
const PATIENCE_MS = 2e3;
const STORE = "queue";

let opened;

/** Our IndexedDB database, opened once. Rejects where it is forbidden, broken, or silent. */
const open = () =>
  new Promise((resolve, reject) => {
    setTimeout(reject, PATIENCE_MS);
    const request = indexedDB.open("ariane", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onerror = reject;
    request.onsuccess = () => resolve(request.result);
  });

/**
 * One transaction; `work` makes the request whose result is given. Resolves once a write survives the browser being
 * killed: `strict` waits for the disk. (In Chromium a localStorage write was lost when the browser was killed up to 35 s
 * later, a relaxed IndexedDB write within a moment.)
 */
export const transact = async (mode, work) => {
  const database = await (isFull() && (opened = opened || open()));
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const request = work(transaction.objectStore(STORE));
    // Nothing more comes: the browser need not hear from this page again, which may be gone, to finish it.
    transaction.commit();
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = reject;
  });
};
