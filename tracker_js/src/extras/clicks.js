import { early, guard } from "./inside.js";

/** Clicks and submits, those too that came before this file: core/start.js pushes them to `early`. */
const handlers = [];

export const onClick = (work) => handlers.push(guard(work));

/** From here on each is told to all. */
export const hearClicks = () => early.forEach((early.push = (event) => handlers.forEach((handle) => handle(event))));
