/** Ariane's tracker. README.md has an example of each. */

export type ConsentMode = "denied" | "anonymous" | "full";

export interface StartOptions {
  /** The source's public key. */
  writeKey: string;
  /** Where the collector is: `https://data.example.com/` or a path of the page's own site, `/a/`. */
  endpoint: string;
  /** `full` unless given. */
  consent?: ConsentMode;
  /** False turns automatic page views off. */
  autoPage?: boolean;
  /** True counts a change of the fragment (`#/cart`) as a page. */
  hash?: boolean;
  /** Parameters of addresses that may be sent beside campaigns and click ids; `*`: all. */
  query?: string | string[];
  /** Properties that may hold an e-mail address. */
  emails?: string | string[];
  /** Of `outbound`, `downloads`, `forms`, `scroll`. */
  track?: string | string[];
  /** True reads GA4's `dataLayer`. */
  dataLayer?: boolean;
  /** Domains that are the same shop. */
  link?: string | string[];
  /** The cart's id, where the order comes from another domain. */
  cartToken?: string;
  /** `include` for a collector on another origin which lists this one: its cookie then works there. */
  credentials?: "same-origin" | "include" | "omit";
}

export type Json = string | number | boolean | null | undefined | Date | Json[] | { [name: string]: Json };
export interface Fields {
  [name: string]: Json;
}

export interface CallOptions {
  /** When it happened, if not now. */
  timestamp?: Date | string | number;
  /** Merged over what the tracker says of the circumstances. */
  context?: Fields;
  integrations?: Fields;
  /** An id of your own makes the call safe to repeat: the same id is one event. */
  messageId?: string;
  anonymousId?: string;
  /** `identify` only: a JWT signed by your server for this user and device. */
  proof?: string;
}

export type Callback = () => void;

export interface Who {
  anonymousId: string;
  userId: string | null;
}

export interface Rejected {
  index: number;
  message_id?: string;
  /** One of the collector's documented reasons, or `http_<status>` when a whole request was refused. */
  reason: string;
}

export interface Dropped {
  ids: string[];
  /** The queue's bounds (1,000 events, 7 days), or the visitor's no. */
  reason: "queue_full" | "consent";
}

/** An event in Segment's shape, as it is queued. */
export interface TrackedEvent {
  type: string;
  messageId: string;
  timestamp: string;
  anonymousId?: string;
  userId?: string;
  event?: string;
  name?: string;
  properties?: Fields;
  traits?: Fields;
  context: Fields;
}

export interface Listeners {
  event: (event: TrackedEvent) => void;
  delivered: (ids: string[]) => void;
  rejected: (rejected: Rejected[]) => void;
  dropped: (dropped: Dropped) => void;
  consent: (mode: ConsentMode) => void;
  error: (error: unknown) => void;
}

/** Promises resolve once the event is saved, so that it survives leaving the page. They never reject. */
export interface Ariane {
  readonly version: string;

  page(callback?: Callback): Promise<void>;
  page(properties: Fields, options?: CallOptions, callback?: Callback): Promise<void>;
  page(name: string, properties?: Fields | null, options?: CallOptions, callback?: Callback): Promise<void>;
  page(category: string | null, name: string, properties?: Fields | null, options?: CallOptions, callback?: Callback): Promise<void>;

  track(event: string, callback?: Callback): Promise<void>;
  track(event: string, properties: Fields | null, callback?: Callback): Promise<void>;
  track(event: string, properties: Fields | null, options: CallOptions, callback?: Callback): Promise<void>;

  identify(userId: string | number | null, callback?: Callback): Promise<void>;
  identify(userId: string | number | null, traits: Fields | null, callback?: Callback): Promise<void>;
  identify(userId: string | number | null, traits: Fields | null, options: CallOptions, callback?: Callback): Promise<void>;
  identify(traits: Fields, options?: CallOptions, callback?: Callback): Promise<void>;

  group(groupId: string | number, traits?: Fields | null, options?: CallOptions, callback?: Callback): Promise<void>;
  alias(userId: string | number, previousId?: string | number | null, options?: CallOptions, callback?: Callback): Promise<void>;

  /** A logout: the next event is somebody else's. */
  reset(): Promise<void>;

  /** Without an argument: the mode now. With one: the visitor's answer. */
  consent(mode?: ConsentMode): Promise<ConsentMode>;

  ready(callback?: (who: Who) => void): Promise<Who>;

  /** Returns how to stop listening. */
  on<Name extends keyof Listeners>(name: Name, listener: Listeners[Name]): () => void;
}

/** A running tracker. Call it in a browser, once. */
export function start(options: StartOptions): Ariane;

declare global {
  interface Window {
    ariane: Ariane;
  }
}
