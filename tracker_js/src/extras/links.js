import { guard, isFull, listed, options, post, who } from "./inside.js";

const PARAMETER = "ariane_link";
// The collector forgets a token after a minute.
const FRESH_MS = 30000;

/**
 * One visitor over several domains, those in `data-link`: a link to one of them carries a token that the collector gives for
 * this device. It is random, works once, for a minute, for the same browser at the same address. The page it leads to
 * trades it for the device when it came from a listed domain and knows of none itself (asking.js).
 */
export const links = () => {
  let token;
  let askedAt = 0;

  const linked = (target) => {
    const link = target.closest && target.closest("a[href]");
    return link && link.hostname !== location.hostname && listed("link", link.hostname) && isFull() ? link : undefined;
  };
  const prepare = guard(async ({ target }) => {
    if (!linked(target) || Date.now() - askedAt < FRESH_MS) return;
    askedAt = Date.now();
    token = undefined;
    const [, answer] = await post("v1/link", JSON.stringify({ writeKey: options.writeKey, anonymousId: who().device }));
    token = answer && answer.token;
  });
  const decorate = guard(({ target }) => {
    const link = linked(target);
    if (!link || !token) return;
    const url = new URL(link.href);
    url.searchParams.set(PARAMETER, token);
    link.href = url.href;
    token = askedAt = 0;
  });
  for (const name of ["pointerover", "pointerdown", "focusin"]) addEventListener(name, prepare, true);
  addEventListener("click", decorate, true);
};

/** The token this page was reached with, taken out of its address; undefined without one, or when it is not to be believed. */
export const takeToken = () => {
  const url = new URL(location.href);
  const token = url.searchParams.get(PARAMETER);
  if (!token) return undefined;
  url.searchParams.delete(PARAMETER);
  history.replaceState(history.state, "", url.href);
  return document.referrer && listed("link", new URL(document.referrer).hostname) ? token : undefined;
};
