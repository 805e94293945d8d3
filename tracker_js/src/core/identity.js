import { newId } from "./ids.js";
import { local, readJson } from "./storage.js";
import { post } from "./transport.js";

const DEVICE_KEY = "ariane_id";
const USER_KEY = "ariane_user";
const PATIENCE_MS = 3000;

/**
 * Who this browser is: `anonymous_id` (the device) and `user_id` (who logged in last), kept in localStorage and mirrored
 * in IndexedDB, which a killed browser does not lose. Traits are sent once and never kept.
 *
 * A proof stays in memory. While a proven user has none (a later page, before `identify` is called again) events carry no
 * user at all: one without its proof would be a mere claim, and the device's slice keeps the user anyway
 * (a device's events without a user stay with the one before).
 */
export function createIdentity({ _options, _mode, _store }) {
  let device;
  let user; // {id, proven} once known; null after a logout
  let last; // the user this page found, for what was made before it was read
  let proof;

  const keep = () => {
    if (_mode() !== "full" || !device) return;
    local._set(DEVICE_KEY, device);
    if (user) local._set(USER_KEY, JSON.stringify(user));
    else local._remove(USER_KEY);
    _store._write("identity", { device, user });
  };

  const settle = (kept, known) => {
    device = device || kept.device || newId();
    // What this page has said already, before anything could be read, is newer.
    const said = user !== undefined;
    if (kept.user) last = kept.user;
    if (!said) user = kept.user || null;
    if (!known || said) keep();
  };

  // Another tab logged in or out: this one's next event must not be the old person's.
  addEventListener("storage", ({ key }) => {
    if (_mode() !== "full" || !device || (key !== DEVICE_KEY && key !== USER_KEY)) return;
    const before = user && user.id;
    device = local._get(DEVICE_KEY) || device;
    user = readJson(local._get(USER_KEY)) || null;
    if (!user || user.id !== before) proof = undefined;
  });

  return {
    _device: () => device,
    _user: () => user && user.id,

    /** Reads who this is, as far as consent allows. A promise of it when that is not known at once. */
    _load() {
      device = _mode() === "full" ? local._get(DEVICE_KEY) : newId();
      if (!device) return _store._read("identity").then((kept) => settle(kept || {}));
      if (_mode() === "full") settle({ user: readJson(local._get(USER_KEY)) }, true);
      return undefined;
    },

    /** The page is leaving before the answer of `_load` or `_renew`: take any id rather than lose its events. */
    _settleNow: () => settle({}),

    _identify(id, newProof) {
      const same = user && user.id === id;
      proof = newProof || (same ? proof : undefined);
      if (same && user.proven === !!proof) return;
      user = { id, proven: !!proof };
      keep();
    },

    /** The user's part of an event: what it carries, given what is known as it is made. */
    _mark(event) {
      if (!user || event.userId !== undefined || (user.proven && !proof)) return;
      event.userId = user.id;
    },
    /** The same for one made before this browser's user was read: not who has logged in since. */
    _markLate(event) {
      if (last && !last.proven && event.userId === undefined) event.userId = last.id;
    },
    _proofOf: (event) => (user && event.userId === user.id ? proof : undefined),

    /** A new page view of somebody who must not be recognised. */
    _anonymous() {
      device = newId();
    },

    _logout() {
      user = last = null;
      proof = undefined;
      keep();
      device = _mode() === "full" ? undefined : newId();
    },

    /** After a logout: a fresh device from the collector, so that its cookie changes too; else one of our own. */
    async _renew() {
      device = undefined;
      const body = JSON.stringify({ writeKey: _options.writeKey });
      const asked = post(_options.endpoint + "v1/device", body, true, _options.credentials || "same-origin");
      const { _answer } = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, {}))]);
      settle({ device: _answer && _answer.anonymous_id });
    },

    _forget() {
      device = proof = undefined;
      user = last = null;
    },
  };
}
