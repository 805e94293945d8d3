const PREFIX = "ariane_q:";

const keys = () => {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return []; // forbidden, so nothing is there
  }
};

/** Everything that waits, of all tabs and earlier visits, by id (core/store.js); `_partial` when some may be missing. */
export const waiting =
  ({ _unsaved, _isFull, _read, _transact }) =>
  async () => {
    const found = new Map(_unsaved);
    const add = (record) => record && found.set(record.id, record);
    if (_isFull()) {
      for (const key of keys()) add(_read("local", key));
      (await _transact("readonly", (queue) => queue.getAll()).catch(() => (found._partial = []))).forEach(add);
    }
    return found;
  };
