import { guard, hear } from "./inside.js";

/** Clicks and submits, those too that came before this file: core/start.js keeps them for the first who hears. */
const handlers = [];

export const onClick = (work) => handlers.push(guard(work));

/** From here on each is told to all. */
export const hearClicks = () => hear((event) => handlers.forEach((handle) => handle(event)));
