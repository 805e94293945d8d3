/**
 * What every part may look at: the options the tracker was started with, and the visitor's consent as it is now.
 * One tracker a page, so the parts are plain modules and not objects that know each other.
 */
export let options;
export let mode = "full";

/** What the two files share: `_most` events at once, the `_timezone`, and `_extras`, a promise of the second one. */
export const shared = {};

export const setOptions = (given) => (options = given);
export const setMode = (next) => (mode = next);
export const isMode = (text) => /^(denied|anonymous|full)$/.test(text);
export const isFull = () => mode === "full";

/** Options come from attributes, which are texts, or from `start()`. */
export const isOn = (name, otherwise) => String(options[name] ?? otherwise) === "true";
export const listed = (name, word) => String(options[name]).split(/[\s,]/).includes(word);
