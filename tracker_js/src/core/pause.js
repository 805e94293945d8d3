import { listen } from "./events.js";

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/**
 * When the page has nothing else to do, or `timeout` ms have passed, or it is left. Safari, which cannot tell, takes the next
 * task; a hidden page has nobody who waits for it, and slow timers.
 */
export const idle = (timeout) =>
  new Promise((resolve) => {
    listen("pagehide", resolve);
    if (document.hidden) resolve();
    else (self.requestIdleCallback || setTimeout)(resolve, { timeout });
  });
