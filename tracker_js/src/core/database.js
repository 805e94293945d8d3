// Private windows and some embedded browsers never answer `open` (https://bugs.webkit.org/show_bug.cgi?id=226547).
const PATIENCE_MS = 2000;

let opened;

/** Our IndexedDB database, opened once. Rejects where it is forbidden, broken, or silent. */
function database() {
  return (opened = opened || new Promise((resolve, reject) => {
    setTimeout(reject, PATIENCE_MS, new Error("IndexedDB does not answer"));
    const request = indexedDB.open("ariane", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("queue", { keyPath: "id" });
      request.result.createObjectStore("kept");
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      // Somebody deletes the database (a "clear site data" button): do not stand in the way.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  }));
}

/**
 * One transaction on `storeName`; `work` makes the request whose result is given. Resolves once a write survives the
 * browser being killed: `strict` waits for the disk. (In Chromium a localStorage write was lost when the browser was
 * killed up to 35 s later, a relaxed IndexedDB write within a moment.)
 */
export async function transact(storeName, mode, work) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(storeName, mode, { durability: "strict" });
    const request = work(transaction.objectStore(storeName));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}
