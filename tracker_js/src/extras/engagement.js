import { on, track } from "./inside.js";

const IDLE_MS = 30000;
// What a browser that dies takes with it at the most.
const HEARTBEAT_MS = 60000;
// A page that is left is hidden first, a moment before: one report, not two. What is less is kept for the next.
const LEAST_MS = 100;
const SIGNS = ["pointerdown", "pointermove", "keydown", "scroll", "touchstart", "focus", "pageshow"];

/**
 * Engaged time: how long a page was visible, had the focus, and saw a sign of life at most 30 s ago.
 *
 * Only one window has the focus, so two tabs never count the same second. Reported as `Page Left` with `engaged_ms`, the
 * milliseconds since the last report, whenever the page is hidden, left, or turned to another route; and on a page that stays,
 * as `Page Engaged`, once a minute at most.
 */
export function engagement() {
  const stopwatch = createStopwatch(() => performance.now());

  const look = () => (document.visibilityState === "visible" && document.hasFocus() ? stopwatch._sign() : stopwatch._stop());
  const report = (event) => () => {
    const engagedMs = stopwatch._take(LEAST_MS);
    if (engagedMs) track(event, { engaged_ms: engagedMs });
  };

  for (const name of SIGNS) addEventListener(name, look, { passive: true, capture: true });
  // The focus that moves into a frame of ours leaves the window and not the document: look after it has moved.
  addEventListener("blur", () => setTimeout(look));
  document.addEventListener("visibilitychange", look);
  for (const name of ["_turn", "_leave"]) on(name, report("Page Left"));
  setInterval(report("Page Engaged"), HEARTBEAT_MS);
  look();
}

/** Counts the time after each sign of life, at most 30 s of it. `clock` gives milliseconds. Pure but for that. */
export const createStopwatch = (clock) => {
  let counted = 0;
  let from; // counting from here, undefined when stopped
  let until = 0; // 30 s after the last sign of life

  const count = () => {
    const now = clock();
    counted += Math.max(0, Math.min(now, until) - from) || 0;
    from = now < until ? now : undefined;
    return now;
  };
  return {
    _sign() {
      from = count();
      until = from + IDLE_MS;
    },
    _stop() {
      count();
      from = undefined;
      until = 0;
    },
    /** The whole milliseconds counted since the last call, or 0 while they are under `least`; goes on counting. */
    _take(least) {
      count();
      const whole = counted < least ? 0 : Math.floor(counted);
      counted -= whole;
      return whole;
    },
  };
};
