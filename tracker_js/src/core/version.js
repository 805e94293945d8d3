/** Set by build.mjs from package.json. */
export const VERSION = typeof __VERSION__ === "string" ? __VERSION__ : "0.0.0";
