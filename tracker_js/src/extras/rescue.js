/**
 * The last means of a page that is leaving and could not `fetch`: a beacon; where there is none, an image's address says
 * what it can. Neither tells whether it arrived, so the events stay queued; if they did, their ids make them one.
 */
export const rescue = ({ endpoint, writeKey }, records, body) => {
  if (sendBeacon(endpoint + "v1/batch", body)) return;
  for (const record of records) {
    const pixel = pixelOf(endpoint, writeKey, JSON.parse(record.body));
    if (pixel) new Image().src = pixel;
  }
};

const sendBeacon = (url, body) => {
  try {
    return navigator.sendBeacon(url, body);
  } catch {
    return false; // missing, or a content blocker's
  }
};

/**
 * The address of an image that is this event, or undefined when a query cannot say all of it: a proof, traits, or a
 * property that is no text. The first copy of an event counts, so a poorer one must not be ahead of the queued one.
 */
const pixelOf = (endpoint, writeKey, event) => {
  const { properties, context, ...rest } = event;
  if (!properties || context.identityProof || Object.values(properties).some((value) => typeof value !== "string")) return undefined;
  const { url, referrer, title } = context.page;
  return endpoint + "pixel.gif?" + new URLSearchParams({ ...properties, url, referrer, title, ...rest, writeKey });
};
