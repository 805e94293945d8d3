/**
 * Segment's argument order, with every optional argument left out in any way its documentation allows, as one shape.
 *
 * A call is: up to `most` leading texts, then an object (properties or traits), then options, then a callback.
 * `track("Sign-up", null, {context})` keeps its places: null stands for the object left out.
 */
export function readCall(args, most) {
  const texts = [];
  const objects = [];
  let callback;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (typeof arg === "function") callback = arg;
    else if (!objects.length && texts.length < most && isText(arg, args[i + 1], most - texts.length)) texts.push(arg);
    else objects.push(arg);
  }
  return { _texts: texts, _fields: plain(objects[0]), _options: plain(objects[1]), _callback: callback };
}

/** A text, a number, or a null that keeps a text's place: the only one there is, or one that a text follows. */
function isText(arg, next, left) {
  if (arg == null) return left === 1 || typeof next === "string";
  return typeof arg !== "object";
}

function plain(value) {
  return value && typeof value === "object" ? value : {};
}
