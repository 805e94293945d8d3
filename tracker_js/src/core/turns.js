import { newId } from "./ids.js";
import { local } from "./storage.js";

const NAME = "ariane_turn";
// Longer than a request may take (transport.js), so that a lease is not taken over while its owner still sends.
const LEASE_MS = 20000;

const me = newId();
let release = () => {};

/**
 * Runs `work` while no other tab of this site runs its own; gives what it gives, or undefined when the turn was not had.
 *
 * A held lock keeps a page out of the back/forward cache ("lock" in
 * https://html.spec.whatwg.org/multipage/nav-history-apis.html#the-notrestoredreasons-interface), so `giveUpTurn` lets go
 * of it as the page leaves; what is still on its way may then be sent again by another tab, and is one event by its id.
 */
export async function takeTurn(work) {
  const given = new Promise((resolve) => {
    release = resolve;
  });
  if (navigator.locks) {
    try {
      return await navigator.locks.request(NAME, () => Promise.race([work(), given]));
    } catch {
      return work(); // a sandboxed document may not lock, and shares no queue with anybody either
    }
  }
  // No Web Locks outside secure contexts. A lease is weaker: two tabs may both take it in the same millisecond.
  const [owner, until] = (local._get(NAME) || "").split(":");
  if (owner && owner !== me && until > Date.now()) return undefined;
  local._set(NAME, me + ":" + (Date.now() + LEASE_MS));
  try {
    return await work();
  } finally {
    local._remove(NAME);
  }
}

export function giveUpTurn() {
  release();
}
