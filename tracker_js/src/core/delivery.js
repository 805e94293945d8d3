import { takeBatch, writeBatch } from "./batch.js";
import { emit, guard } from "./events.js";
import { asking, settled } from "./identity.js";
import { toJson } from "./scrub.js";
import { options, shared } from "./state.js";
import { LOCAL, read } from "./storage.js";
import { removeAll, save } from "./store.js";
import { post } from "./transport.js";

// Long enough that what a page tracks as it starts is one request, short enough to watch it arrive.
const GATHER_MS = 250;
const MOST_AT_ONCE = 500;

/**
 * Gets a page's events to the collector: saved, gathered, sent, and removed only after a 200 that counts them.
 *
 * Each is sent once from here, whatever comes of it. What was not heard of waits where it was saved, and is tried again by
 * the second file, here, on a later page, or in another tab (extras/retry.js). An event may so be sent twice, and is one by
 * its message id.
 */
// What this page made and has not sent; and what is on its way.
export const fresh = new Map();
export const flying = new Set();
let timer;

/** Whether the collector asked for patience, in any tab or on an earlier page. */
const mustWait = () => (read(LOCAL, "ariane_retry") || shared._retry)?.at > Date.now();

/** Sends one batch. Whether the collector has it. Only what is to outlive the page is `keepalive`: the browser has 64 KiB for that. */
export const send = async (records, keepalive) => {
  const ids = records.map(({ id }) => id);
  for (const id of ids) {
    fresh.delete(id);
    flying.add(id);
  }
  const body = settled(writeBatch(records, options.writeKey, Date.now()));
  const [status, answer, asked] = await post("v1/batch", body, keepalive);
  const delivered = answer?.success;
  if (delivered) await removeAll(ids);
  // Not before: who looked at what waits while it was on its way would send it again.
  ids.forEach((id) => flying.delete(id));
  // It tells of a success and knows what to do about a failure, and may not be there yet.
  await shared._extras;
  emit("_sent", [records, delivered, status, asked, body, answer]);
  return delivered;
};

/** Sends what is fresh, one request after the other, or all at once when the page is leaving. */
export const sendFresh = async (leaving) => {
  for (let batch; !mustWait() && (batch = takeBatch([...fresh.values()], MOST_AT_ONCE))[0]; ) {
    const sent = send(batch, true);
    if (!leaving) await sent;
  }
};

const gathered = guard(async () => {
  timer = 0;
  await asking;
  await sendFresh();
});

/** Takes a finished event. Resolves when it is saved, so that it survives leaving the page. */
export const deliver = (event) => {
  const record = { id: event.messageId, key: options.writeKey, tab: event.context.ariane.tab, at: Date.now(), body: toJson(event) };
  fresh.set(record.id, record);
  timer = timer || setTimeout(gathered, GATHER_MS);
  return save(record);
};
