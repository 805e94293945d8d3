/**
 * The second file: what can come a moment later. Each part is given the inside of the tracker and adds what it does.
 *
 * The first file hands its inside over in this order (core/start.js). A browser may hold an older first file than this one
 * for as long as it is cached, so the order never changes; what is new goes to the end.
 */
import { asking } from "./asking.js";
import { attributes } from "./attributes.js";
import { behaviour } from "./behaviour.js";
import { cartToken } from "./cart.js";
import { dataLayer } from "./commerce.js";
import { engagement } from "./engagement.js";
import { watchHistory } from "./history.js";
import { links } from "./links.js";
import { retry } from "./retry.js";
import { learnTimezone } from "./timezone.js";

export default (
  _shared, _options, _isFull, _on, _emit, _guard, _record, _hear, _changed, _who, _setWho, _post, _transact, _read, _write,
  _unsaved, _fresh, _flying, _send, _certain, _removeAll, _takeBatch,
) => {
  const handlers = [];
  const inside = {
    _shared, _options, _isFull, _on, _emit, _guard, _changed, _who, _setWho, _post, _transact, _read, _write,
    _unsaved, _fresh, _flying, _send, _certain, _removeAll, _takeBatch,
    _record: _guard(_record),
    _hear: (work) => handlers.push(_guard(work)),
    _listed: (name, word) => String(_options[name]).split(/[\s,]/).includes(word),
  };
  for (const part of [retry, learnTimezone, watchHistory, engagement, attributes, behaviour, dataLayer, links, cartToken]) _guard(part)(inside);
  _hear((event) => handlers.forEach((handle) => handle(event)));
  return asking(inside);
};
