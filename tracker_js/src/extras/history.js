import { changed, guard } from "./inside.js";

/** Changes of route where there is no Navigation API (Firefox before 147, Safari before 26.2). */
export const watchHistory = () => {
  if (self.navigation) return;
  const look = guard(changed);
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function () {
      original.apply(this, arguments);
      look();
    };
  }
  addEventListener("popstate", look);
  look(); // a route may have changed before we were here
};
