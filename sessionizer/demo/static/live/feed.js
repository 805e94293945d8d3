/**
 * What the server says, as it says it. EventSource cannot send an Authorization header, so this reads the event stream
 * with fetch: blocks of lines ended by an empty one, of which the `data:` lines are joined (WHATWG HTML, section 9.2.6).
 */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

export function createApi(apiKey) {
  const headers = { Authorization: `Bearer ${apiKey}` };

  return {
    /** Reads a JSON resource as it is once `position` is folded in; null when there is none. */
    async read(path, position) {
      const after = position === undefined ? {} : { "After-Position": String(position) };
      const response = await fetch(path, { headers: { ...headers, ...after }, cache: "no-store" });
      if (response.status === 404) return null;
      if (!response.ok) throw new Error(`${response.status} ${(await response.json().catch(() => ({}))).detail ?? ""}`);
      return response.json();
    },

    /** Calls `onRecord` for each live record, for ever; `onState` hears "live" and what is wrong otherwise. */
    async follow(onRecord, onState) {
      for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
        try {
          const response = await fetch("/v1/live", { headers: { ...headers, Accept: "text/event-stream" }, cache: "no-store" });
          if (!response.ok) throw new Error(`the server answers ${response.status}`);
          onState("live");
          waitMs = FIRST_WAIT_MS;
          await readBlocks(response.body, (data) => onRecord(JSON.parse(data)));
          onState("the stream ended");
        } catch (error) {
          onState(error.message);
        }
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
  };
}

async function readBlocks(body, onData) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop();
    for (const block of blocks) {
      const data = block
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).replace(/^ /, ""))
        .join("\n");
      if (data) onData(data);
    }
  }
}
