/** Listeners by name, ours (`_…`) and the page's, and how nothing of ours throws into the page. */
const listeners = new Set();

/** Returns how to stop listening. */
export const on = (name, listener) => {
  const entry = [name, listener];
  listeners.add(entry);
  return () => listeners.delete(entry);
};

/** A listener that throws is reported to those of `error`, and keeps nobody else from hearing. */
export const emit = (name, detail) => {
  for (const [heard, listener] of listeners) {
    try {
      if (heard === name) listener(detail);
    } catch (error) {
      if (name !== "error") emit("error", error);
    }
  }
};

/** `work`, started at once, its trouble told to the `error` listeners and going no further. */
export const guard =
  (work) =>
  async (...args) => {
    try {
      return await work(...args);
    } catch (error) {
      emit("error", error);
    }
  };

/**
 * Captured, so that a handler of the page's which stops the event cannot hide it; and at the window, which the document's
 * own events come by first (https://dom.spec.whatwg.org/#concept-event-dispatch).
 */
export const listen = (name, work, target = self) => target.addEventListener(name, guard(work), true);
