import { shared } from "./inside.js";

/** The time zone where there is no Temporal, when the page has nothing else to do (core/context.js says why not at once). */
export const learnTimezone = () => {
  if (!self.Temporal) shared._timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
};
