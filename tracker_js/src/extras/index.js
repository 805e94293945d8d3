/**
 * The second file: what can come a moment later. Each part is given the inside of the tracker and adds what it does.
 *
 * The first file hands its inside over in this order (core/start.js). A browser may hold an older first file than this one
 * for as long as it is cached, so the order never changes; what is new goes to the end.
 */
import { asking } from "./asking.js";
import { attributes } from "./attributes.js";
import { engagement } from "./engagement.js";
import { watchHistory } from "./history.js";
import { retry } from "./retry.js";
import { learnTimezone } from "./timezone.js";
import { waiting } from "./waiting.js";

const inOrder = (
  _shared, _options, _isFull, _on, _emit, _guard, _record, _hear, _changed, _getWho, _setWho, _post, _transact, _read, _write,
  _unsaved, _fresh, _flying, _send, _certain, _removeAll, _takeBatch,
) => ({
  _shared, _options, _isFull, _on, _emit, _guard, _record, _hear, _changed, _getWho, _setWho, _post, _transact, _read, _write,
  _unsaved, _fresh, _flying, _send, _certain, _removeAll, _takeBatch,
});

export default (...given) => {
  const inside = inOrder(...given);
  inside._record = inside._guard(inside._record);
  inside._readAll = waiting(inside);
  for (const part of [retry, learnTimezone, watchHistory, engagement, attributes]) inside._guard(part)(inside);
  return asking(inside);
};
