/** The time zone where there is no Temporal, when the page has nothing else to do (core/context.js says why not at once). */
export const learnTimezone = ({ _shared }) => {
  if (!self.Temporal) _shared._timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
};
