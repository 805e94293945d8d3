const IDLE_MS = 30000;
// A page that is left is hidden first, a moment before: one report, not two. What is less is kept for the next.
const LEAST_MS = 100;
const SIGNS = ["pointerdown", "pointermove", "keydown", "scroll", "touchstart"];

/**
 * Engaged time: how long a page was visible, had the focus, and saw a sign of life at most 30 s ago.
 *
 * Only one window has the focus, so two tabs never count the same second. Reported as `Page Left` with `engaged_ms`,
 * the milliseconds since the last report, whenever the page is hidden, left, or turned to another route.
 */
export function engagement({ _on, _record, _guard }) {
  const stopwatch = createStopwatch(() => performance.now());
  let timer;

  const attentive = () => document.visibilityState === "visible" && document.hasFocus();

  const alive = () => {
    if (!attentive()) return;
    stopwatch._sign();
    // One timer for a whole burst of signs; it looks again when it fires too early.
    if (!timer) timer = setTimeout(check, IDLE_MS);
  };
  const check = () => {
    timer = 0;
    if (attentive() && stopwatch._running()) timer = setTimeout(check, IDLE_MS);
  };
  const look = () => (attentive() ? alive() : stopwatch._stop());

  const report = () => {
    const engagedMs = stopwatch._take(LEAST_MS);
    if (engagedMs) _record("track", { event: "Page Left", properties: { engaged_ms: engagedMs } });
  };

  SIGNS.forEach((name) => addEventListener(name, alive, { passive: true, capture: true }));
  addEventListener("focus", alive);
  // The focus that moves into a frame of ours leaves the window and not the document: look after it has moved.
  addEventListener("blur", () => setTimeout(look));
  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", look);
  _on("_turn", _guard(report));
  _on("_leave", _guard(report));
  look();
}

/** Counts the time after each sign of life, at most 30 s of it. `clock` gives milliseconds. Pure but for that. */
export function createStopwatch(clock) {
  let counted = 0;
  let since; // counting from here, undefined when stopped
  let sign = 0; // the last sign of life

  const count = () => {
    if (since === undefined) return;
    const now = clock();
    const end = Math.min(now, sign + IDLE_MS);
    counted += Math.max(0, end - since);
    since = end < now ? undefined : now;
  };
  return {
    _sign() {
      count();
      sign = clock();
      if (since === undefined) since = sign;
    },
    _stop() {
      count();
      since = undefined;
    },
    _running() {
      count();
      return since !== undefined;
    },
    /** The whole milliseconds counted since the last call, or 0 while they are under `least`; goes on counting. */
    _take(least) {
      count();
      const whole = counted < least ? 0 : Math.floor(counted);
      counted -= whole;
      return whole;
    },
  };
}
