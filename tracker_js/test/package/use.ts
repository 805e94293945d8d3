// What a shop may write, and what the types must refuse. It is compiled, and it is run: see package.test.mjs.
import { start, type Ariane, type ConsentMode, type Listeners, type StartOptions, type Who } from "@ariane-cdp/tracker";

export async function use(writeKey: string, endpoint: string, credentials: NonNullable<StartOptions["credentials"]> = "same-origin"): Promise<{ who: Who; ariane: Ariane }> {
  const ariane: Ariane = start({ writeKey, endpoint, track: ["outbound", "downloads"], query: "*", autoPage: false, credentials });

  const heard: string[] = [];
  const stop: () => void = ariane.on("event", (event) => heard.push(event.event ?? event.type));
  ariane.on("rejected", (list) => list.forEach(({ message_id: id, reason }) => console.warn(id, reason)));
  ariane.on("dropped", ({ ids, reason }) => console.warn(ids.length, reason === "queue_full"));

  await ariane.page();
  await ariane.page("Catalogue", "Ropes", { shown: 24 });
  await ariane.track("Product Added", { product_id: "1", price: 19.9, tags: ["new", null], seen: new Date(0) });
  await ariane.track("Dated", null, { timestamp: "2026-05-01T10:00:00Z", messageId: "mine-1", context: { ip: "0.0.0.0" } });
  await new Promise<void>((resolve) => ariane.track("Called back", resolve));
  await ariane.identify("user-42", { email: "ada@example.com" }, { proof: "a.b.c" });
  await ariane.identify({ newsletter: true });
  await ariane.group(7, { name: "Minos & Sons" });
  await ariane.alias("user-42", "old-7");
  const mode: ConsentMode = await ariane.consent();
  const who: Who = await ariane.ready((known) => heard.push(known.anonymousId));
  stop();
  await ariane.reset();
  const version: string = ariane.version;
  console.log(mode, version, heard.length);
  return { who, ariane };
}

/** Every member of the type; the running tracker must have these and no others. */
export const members: Record<keyof Ariane, true> = { version: true, page: true, track: true, identify: true, group: true, alias: true, reset: true, consent: true, ready: true, on: true };

/** Every name that `on` knows. */
export const heardNames: Record<keyof Listeners, true> = { event: true, delivered: true, rejected: true, dropped: true, consent: true, error: true };

/** Never called: each line is a mistake, and the compiler says so. */
export function misuse(ariane: Ariane): void {
  // @ts-expect-error there is no collector without an address
  start({ writeKey: "key" });
  // @ts-expect-error a misspelt option
  start({ writeKey: "key", endpoint: "/", autopage: false });
  // @ts-expect-error no such mode
  start({ writeKey: "key", endpoint: "/", consent: "yes" });
  // @ts-expect-error an event has a name
  ariane.track({ price: 1 });
  // @ts-expect-error properties are data, not functions
  ariane.track("Added", { price: () => 1 });
  // @ts-expect-error options come after properties
  ariane.track("Added", {}, { timestap: new Date() });
  // @ts-expect-error an alias has an id
  ariane.alias();
  // @ts-expect-error no such mode
  ariane.consent("granted");
  // @ts-expect-error nothing of that name is told
  ariane.on("sent", () => {});
  // @ts-expect-error listeners of `delivered` get ids
  ariane.on("delivered", (ids: number) => ids);
  // @ts-expect-error the version is not ours to set
  ariane.version = "2";
  // @ts-expect-error a promise of nothing
  ariane.track("Added").then((saved: boolean) => saved);
}
