import { scrubText, scrubUrl } from "./scrub.js";
import { shared } from "./state.js";
import { VERSION } from "./version.js";

/** The page as it is now. `referrer` is the page before it, within the site if there was one. */
export const readPage = (referrer = document.referrer) => ({
  url: scrubUrl(location.href),
  path: scrubText(location.pathname),
  title: scrubText(document.title),
  referrer: scrubUrl(referrer),
});

/** The circumstances of an event, as Segment's `context` names them. Reads nothing that makes a browser lay out. */
export const readContext = (page) => {
  const { language, webdriver, userAgentData, globalPrivacyControl, doNotTrack } = navigator;
  const { width, height } = screen;
  return {
    library: { name: "ariane.js", version: VERSION },
    page,
    locale: language,
    // The first `Intl.DateTimeFormat` of a page loads tables: 100 ms and more on a processor slowed four times (Chromium
    // 156), where Temporal takes 3. Without Temporal the second file sets it when the page has nothing else to do.
    timezone: self.Temporal?.Now.timeZoneId() ?? shared._timezone,
    screen: { width, height, density: devicePixelRatio },
    webdriver,
    userAgentData,
    consent: { gpc: globalPrivacyControl, dnt: doNotTrack > 0 || undefined },
  };
};
