const isObject = (value) => Object(value) === value;
const isFunction = (value) => typeof value === "function";

/**
 * Segment's argument order, with every optional argument left out in any way its documentation allows, as one shape:
 * `[texts, fields, options, callback]`.
 *
 * A call is: up to `most` leading texts, then an object (properties or traits), then options, then a callback.
 * `track("Sign-up", null, {context})` keeps its places: null stands for what is left out.
 */
export const readCall = (args, most) => {
  const given = args.filter((arg) => !isFunction(arg));
  const texts = [];
  while (texts.length < most && given.length && !isObject(given[0])) texts.push(given.shift());
  const [fields, options] = given;
  return [texts, isObject(fields) ? fields : {}, options || {}, args.find(isFunction)];
};
