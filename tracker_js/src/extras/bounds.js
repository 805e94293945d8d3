const MOST_EVENTS = 5000;
const OLDEST_MS = 7 * 864e5;

/** Sorts records `{id, at, …}` oldest first; the ids of those older than seven days, and of the oldest beyond five thousand. `now` in ms. */
export const excess = (records, now) =>
  records
    .sort((a, b) => a.at - b.at)
    .filter((record, i) => i < records.length - MOST_EVENTS || now - record.at > OLDEST_MS)
    .map(({ id }) => id);
