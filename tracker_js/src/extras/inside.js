/**
 * The inside of the tracker, as the first file hands it over: what the parts of the second one stand on.
 *
 * A browser may hold an older first file than this one for as long as it is cached, so the order never changes; what is new
 * goes to the end (core/start.js has the same).
 */
export let shared, options, isFull, on, emit, guard, record, early, changed, who, setWho, post, transact, read, write;
export let unsaved, fresh, flying, send, certain, removeAll, takeBatch, rows;

export const enter = (...given) => {
  [
    shared, options, isFull, on, emit, guard, record, early, changed, who, setWho, post, transact, read, write,
    unsaved, fresh, flying, send, certain, removeAll, takeBatch, rows = new Map(),
  ] = given;
};

export const track = (event, properties) => guard(record)("track", { event, properties });

export const listed = (name, word) => String(options[name]).split(/[\s,]/).includes(word);
