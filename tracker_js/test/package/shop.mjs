/** Sites to put the tracker on, and what reached the collector's log from there. */
import { createServer } from "node:http";
import { until } from "../browser/harness.mjs";

/** A site on an origin of its own. `files` are `{"/app.js": text}`; every other path gives the page at "/", as single-page applications want. */
export async function startShop(files) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://here");
    const type = /\.m?js$/.test(pathname) ? "text/javascript" : "text/html";
    response.writeHead(200, { "Content-Type": `${type}; charset=utf-8` }).end(files[pathname] ?? files["/"]);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a text of the docs says is put in by whoever pastes it. */
export const filled = (text, collector) => text.replaceAll("https://data.example.com", collector.url).replaceAll("YOUR_WRITE_KEY", collector.keys.write_key);

const byTime = (a, b) => (a.timestamp < b.timestamp ? -1 : 1);

/** An event in a word or two: "page /shoes", "track Product Added", "identify". Time on pages is left out: it comes when it likes. */
export const named = ({ type, event, context }) => (type === "page" ? `page ${context.page.path}` : event ? `${type} ${event}` : type);

/** The log's events of one browser or site, by `isMine`, in the order of their time, without `Page Left`. */
export async function logged(collector, isMine) {
  const events = await collector.events();
  return events.filter((event) => event.event !== "Page Left" && isMine(event)).sort(byTime);
}

/** Of the site at `url`. */
export const from = (url) => (event) => String(event.context?.page?.url).startsWith(url);

/** Waits until the log has `count` events of `isMine`, and gives them. */
export const arrived = (collector, count, isMine) =>
  until(`${count} events`, async () => {
    const events = await logged(collector, isMine);
    return events.length >= count && events;
  });
