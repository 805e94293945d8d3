/** Changes of route where there is no Navigation API (Firefox before 147, Safari before 26.2). */
export const watchHistory = ({ _changed, _guard }) => {
  if (self.navigation) return;
  const changed = _guard(_changed);
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function () {
      original.apply(this, arguments);
      changed();
    };
  }
  addEventListener("popstate", changed);
  changed(); // a route may have changed before we were here
};
