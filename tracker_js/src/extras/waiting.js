const PREFIX = "ariane_q:";

/** Everything that waits, of all tabs and earlier visits, by id (core/store.js); `_partial` when some may be missing. */
export const waiting =
  ({ _unsaved, _isFull, _read, _transact }) =>
  async () => {
    const found = new Map(_unsaved);
    const add = (record) => record && found.set(record.id, record);
    if (_isFull()) {
      try {
        for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) add(_read("local", key));
      } catch {
        // forbidden, so nothing is there
      }
      (await _transact("readonly", (queue) => queue.getAll()).catch(() => (found._partial = []))).forEach(add);
    }
    return found;
  };
