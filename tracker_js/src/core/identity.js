import { emit } from "./events.js";
import { newId } from "./ids.js";
import { pause } from "./pause.js";
import { isFull, mode, shared } from "./state.js";
import { LOCAL, read, write } from "./storage.js";

const KEY = "ariane_id";
const PATIENCE_MS = 3e3;

// `{id, device, user, proven, sure}`: the device (anonymous_id), who logged in last, whether with a proof, and whether the
// collector was asked. A copy is in localStorage, which is there at once, and one in IndexedDB, which a killed browser does
// not lose. Traits are sent once and never kept.
export let who = {};
// In memory only. While a proven user has no proof (a later page, before `identify` is called again) events carry no user
// at all: one without its proof would be a mere claim, and the device's slice keeps the user anyway (a device's events
// without a user stay with the one before).
let proof;
// Devices we made up until the collector said who this is, and who it is.
const renamed = [];
/** A promise while it is not certain who this is. Nothing is sent then, but by a page that leaves. */
export let asking;

/** `heard`: it is what localStorage has. It is not written again: another tab may have gone on meanwhile, and would be undone. */
export const setWho = (next, heard) => {
  if (next.user !== who.user) proof = undefined;
  who = next;
  // Neither keeps anything without full consent.
  if (!heard) write(LOCAL, KEY, who);
  emit("_who", who);
};

/** An event's JSON, with whom it was made for when that was not certain yet. */
export const settled = (body) => renamed.reduce((text, [from, to]) => text.split(from).join(to), body);

/** Finds out who this is, as far as consent allows. There is a device at once; tabs that start together start as one. */
export const load = () => {
  const { user, proven } = who;
  const kept = read(LOCAL, KEY);
  setWho({ id: KEY, device: newId(), ...kept, ...(user && { user, proven }) }, kept && !user);
  if (!who.sure) ask(who.device);
};

/**
 * Asks who this is with the second file's help (extras/asking.js): the collector's cookie is the truth, and outlives what
 * scripts may store. `known` is what to be if nobody knows better; without it, somebody new.
 */
const ask = (known) => {
  if (!isFull()) return;
  const stopgap = who.device;
  const answer = shared._extras.then((extras) => extras._ask?.(known)).catch(() => {});
  const mine = Promise.race([answer, pause(PATIENCE_MS)]).then((found) => {
    // Somebody logged out meanwhile: what is found may be who came after (the second file's copy already is).
    if (asking !== mine) return;
    asking = undefined;
    if (!found || !isFull()) return;
    renamed.push([stopgap, found.device]);
    if (who.device === stopgap) setWho({ ...found, ...who, device: found.device, sure: 1 });
  });
  return (asking = mine);
};

export const login = (user, newProof) => {
  const kept = newProof || (who.user === user ? proof : undefined);
  if (who.user !== user || who.proven !== !!kept) setWho({ ...who, user, proven: !!kept });
  proof = kept;
};

/** A logout: somebody else from here on, with a fresh device from the collector, so that its cookie changes too. */
export const renew = () => {
  // Nobody is asked again: the cookie may still be the old person's.
  setWho({ id: KEY, device: newId(), sure: 1 });
  return ask();
};

/** A new page view of somebody who must not be recognised. */
export const renewAnonymous = () => {
  if (mode === "anonymous") who.device = newId();
};

export const forget = () => {
  who = {};
  proof = undefined;
};

/** The user an event carries, given what is known as it is made. */
export const currentUser = () => (proof || !who.proven ? who.user : undefined);

export const proofOf = (userId) => (userId === who.user ? proof : undefined);
