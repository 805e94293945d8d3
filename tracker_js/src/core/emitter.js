/** Listeners by name. One that throws is reported to those of `error`, and keeps nobody else from hearing. */
export function createEmitter() {
  const listeners = {};
  const emit = (name, detail) => {
    for (const listener of (listeners[name] || []).slice()) {
      try {
        listener(detail);
      } catch (error) {
        if (name !== "error") emit("error", error);
      }
    }
  };
  const on = (name, listener) => {
    (listeners[name] = listeners[name] || []).push(listener);
    return () => {
      listeners[name] = listeners[name].filter((each) => each !== listener);
    };
  };
  return { _on: on, _emit: emit };
}
