/** The second file: what can come a moment later. Each part adds what it does to the inside of the tracker (inside.js). */
import { asking } from "./asking.js";
import { attributes } from "./attributes.js";
import { behaviour } from "./behaviour.js";
import { cartToken } from "./cart.js";
import { hearClicks } from "./clicks.js";
import { dataLayer } from "./commerce.js";
import { engagement } from "./engagement.js";
import { watchHistory } from "./history.js";
import { enter, guard } from "./inside.js";
import { links } from "./links.js";
import { retry } from "./retry.js";
import { learnTimezone } from "./timezone.js";

export default (...inside) => {
  enter(...inside);
  for (const part of [retry, learnTimezone, watchHistory, engagement, attributes, behaviour, dataLayer, links, cartToken]) guard(part)();
  hearClicks();
  return asking();
};
