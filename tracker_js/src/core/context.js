import { VERSION } from "./version.js";

const nav = navigator;
let timezone;

/**
 * Finds out the time zone. The first `Intl.DateTimeFormat` of a page loads tables: 100 ms and more on a processor slowed
 * four times (Chromium 156), where Temporal takes 3. Without Temporal it is done when the page has nothing else to do,
 * and the events made until then do without.
 */
export function learnTimezone() {
  if (window.Temporal) timezone = Temporal.Now.timeZoneId();
  else (window.requestIdleCallback || setTimeout)(() => (timezone = Intl.DateTimeFormat().resolvedOptions().timeZone));
}

/** The page as it is now. `referrer` is the page before it, within the site if there was one. */
export function readPage(referrer) {
  const { href, pathname, search } = location;
  return { url: href, path: pathname, title: document.title, referrer, search };
}

/** The circumstances of an event, as Segment's `context` names them. Reads nothing that makes a browser lay out. */
export function readContext(page, mode) {
  const context = {
    library: { name: "ariane.js", version: VERSION },
    page,
    locale: nav.language,
    screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
    consent: { mode },
  };
  if (timezone) context.timezone = timezone;
  if (nav.globalPrivacyControl) context.consent.gpc = true;
  if (nav.doNotTrack === "1") context.consent.dnt = true;
  if (nav.webdriver) context.webdriver = true;
  if (nav.userAgentData) {
    const { brands, mobile, platform } = nav.userAgentData;
    context.userAgentData = { brands, mobile, platform };
  }
  const campaign = readCampaign(page.search);
  if (campaign) context.campaign = campaign;
  return context;
}

/** `utm_*` parameters by Segment's names (`utm_campaign` is `name`), or undefined when there are none. */
export function readCampaign(search) {
  let campaign;
  new URLSearchParams(search).forEach((value, key) => {
    if (!key.startsWith("utm_") || !value) return;
    const name = key.slice(4);
    (campaign = campaign || {})[name === "campaign" ? "name" : name] = value;
  });
  return campaign;
}
