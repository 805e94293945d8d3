/**
 * The rows of the comparison beside size and behaviour: what can be read from a tracker's scripts and its package.json.
 *
 * Minifiers shorten a script's own names, never the platform's or the wire's: a script that does not say
 * `globalPrivacyControl` does not read it. `means` is the cell where a pattern is found; nothing found is "–".
 */
const yes = (pattern) => [[pattern, "yes"]];

/** Row → `[[pattern, means], …]`; the first that the scripts contain counts. */
export const READ = {
  "unsent events kept in IndexedDB": yes(/indexedDB/),
  "`Retry-After` read": yes(/retry-after/i),
  "knows prerendered pages": yes(/prerenderingchange|"prerender"===/),
  "Global Privacy Control read": yes(/globalPrivacyControl/),
  "Do Not Track read": yes(/doNotTrack/),
  "reads GA4's `dataLayer`": yes(/dataLayer/),
  "events from HTML alone": [
    [/data-ariane-|ariane-event|arianeEvent/, "attributes"],
    [/data-umami-event|umami-event/, "attributes"],
    [/plausible-event-/, "classes"],
    [/data-ph-capture-attribute/, "all clicks, attributes"],
  ],
  "time on a page": [
    [/engaged_ms/, "engaged time"],
    [/n:"engagement"/, "engaged time"],
    [/enableActivityTracking/, "pings, on request"],
    [/\$prev_pageview_duration/, "between page views"],
    [/timeOnPage/, "until it unloads, on request"],
  ],
  "links to other domains carry the device": [
    [/ariane_link/, "one-use token"],
    [/crossDomainLinker/, "the id"],
  ],
};

const found = (text, patterns) => patterns.find(([pattern]) => pattern.test(text))?.[1] ?? "–";

export const readScripts = (code) => Object.fromEntries(Object.entries(READ).map(([row, patterns]) => [row, found(code, patterns)]));

const typed = ({ types, typings, exports }) => (types || typings || JSON.stringify(exports ?? "").includes('"types"') ? "yes" : "–");

export const readPackage = (manifest) => ({ "TypeScript types in the package": typed(manifest), licence: manifest.license });
