import { isOn, listed } from "./state.js";

// What leads to a page is asked of its address by everybody who pays for it: campaigns, and the click ids that
// collector/enrich/campaign.py knows. Everything else in a query may name a person, and is left out unless listed.
const KNOWN = /^(utm_.*|.*cl(ic)?k?id|.braid|.*_cid|li_fat_id|epik|awc|igsh.*)$/i;
// Bounded, so that a long text without an address costs no more than its length.
const EMAIL = /[^\s"'<>/?&=#:,;()@\\]{1,64}(@|%40)[\w.-]{1,250}\.[a-z]{2,24}/gi;

/** Text without what looks like an e-mail address. */
export const scrubText = (text) => text.replace(EMAIL, "[email]");

/** An address with only those parameters that are allowed, and the fragment only where it is the page. */
export const scrubUrl = (url) => {
  const [, page, query, hash] = /([^?#]*)\??([^#]*)(.*)/.exec(url);
  const kept = query.split("&").filter((pair) => {
    const [name] = pair.split("=");
    return KNOWN.test(name) || listed("query", name) || listed("query", "*");
  });
  return scrubText(page + (kept[0] ? "?" + kept.join("&") : "") + (isOn("hash") ? hash : ""));
};

/**
 * JSON, with `scrubbed` without what looks like an e-mail address under a name that is not listed. Old libraries give
 * arrays a `toJSON` that makes texts of them; what an array holds is taken instead.
 */
export const toJson = (fields, scrubbed) =>
  JSON.stringify(fields, function (name, value) {
    if (Array.isArray(this[name])) return this[name];
    return scrubbed && typeof value === "string" && !listed("emails", name) ? scrubText(value) : value;
  });
