/**
 * The trackers compared: which file of which npm package a page loads, and how its documentation puts it on a page.
 *
 * `folder` holds the files a page may ask for, `start` is the first. `head(at)` gives the HTML, `at` is where script
 * and collector are. `track` and the `api` are read in the page. `answers` are what the vendor's own servers say at
 * the start: everything that can be off is off.
 */
import { fileURLToPath } from "node:url";

const script = (source) => `<script>${source}</script>`;

export const TRACKERS = [
  {
    name: "Ariane",
    folder: fileURLToPath(new URL("../../collector/static", import.meta.url)),
    start: "tracker.js",
    // The collector serves the files under shorter names.
    served: { "t.js": "tracker.js", "t-extras.js": "tracker-extras.js" },
    head: (at) => `<script defer src="${at}/t.js" data-write-key="key"></script>`,
    track: 'ariane.track("Kept event")',
    api: "ariane",
    answers: { "/v1/batch": { success: true }, "/v1/device": { anonymous_id: "device" } },
  },
  {
    name: "Segment",
    package: "@segment/analytics-next",
    version: "1.84.3",
    folder: "dist/umd",
    start: "standalone.js",
    // The snippet of Segment's "Add the snippet" page, without its loop: the calls it makes, in the queue it makes.
    head: (at) => `${script(`window.analytics = [["page"]]; analytics._writeKey = "key"; analytics._cdn = "${at}"; analytics.SNIPPET_VERSION = "5.2.1";`)}
<script async src="${at}/standalone.js"></script>`,
    track: 'analytics.track("Kept event")',
    api: "analytics",
    answers: {
      "/v1/projects/key/settings": (at) => ({ integrations: { "Segment.io": { apiKey: "key", apiHost: `${at.replace(/^https?:\/\//, "")}/v1`, protocol: "http" } }, plan: { track: {} } }),
    },
  },
  {
    name: "RudderStack",
    package: "@rudderstack/analytics-js",
    version: "3.34.1",
    folder: "dist/npm/modern/bundled/umd",
    start: "index.js",
    head: (at) => `<script src="${at}/index.js"></script>${script(`
      window.tracker = new rudderanalytics.RudderAnalytics();
      tracker.load("key", "${at}", { configUrl: "${at}", plugins: ["XhrQueue"], queueOptions: { batch: { enabled: false } } });
      tracker.page();`)}`,
    track: 'tracker.track("Kept event")',
    api: "tracker",
    answers: {
      "/sourceConfig/": { source: { id: "source", name: "Shop", writeKey: "key", enabled: true, workspaceId: "w", config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } }, destinations: [], connections: [], dataplanes: {} }, updatedAt: "2026-01-01T00:00:00.000Z" },
    },
  },
  {
    name: "Snowplow",
    package: "@snowplow/browser-tracker",
    version: "4.10.1",
    folder: "dist",
    start: "index.umd.min.js",
    head: (at) => `<script src="${at}/index.umd.min.js"></script>${script(`
      window.tracker = snowplowBrowserTracking;
      tracker.newTracker("sp", "${at}", { appId: "shop" });
      tracker.trackPageView();`)}`,
    track: 'tracker.trackSelfDescribingEvent({ event: { schema: "iglu:com.example/kept_event/jsonschema/1-0-0", data: { name: "Kept event" } } })',
    api: "tracker",
    answers: {},
  },
  {
    name: "PostHog",
    package: "posthog-js",
    version: "1.449.2",
    folder: "dist",
    start: "array.js",
    head: (at) => `${script(`
      window.posthog = [];
      posthog._i = [["key", { api_host: "${at}", defaults: "2025-05-24", disable_compression: true, opt_out_useragent_filter: true }, "posthog"]];
      posthog.__SV = 1;`)}
<script async src="${at}/array.js"></script>`,
    track: 'posthog.capture("Kept event")',
    api: "posthog",
    answers: { "/array/key/config": { supportedCompression: [], sessionRecording: false, surveys: false, heatmaps: false, capturePerformance: false, autocaptureExceptions: false, hasFeatureFlags: false, toolbarParams: {}, isAuthenticated: false, siteApps: [] } },
  },
  {
    name: "Plausible",
    package: "@plausible-analytics/tracker",
    version: "0.4.6",
    folder: ".",
    start: "plausible.js",
    head: (at) => `<script type="module">
      import { init } from "${at}/plausible.js";
      init({ domain: "shop.example", endpoint: "${at}/api/event", captureOnLocalhost: true });</script>`,
    track: 'plausible("Kept event")',
    api: "({ track: plausible })",
    answers: { "/api/event": "ok" },
  },
  {
    name: "Umami",
    package: "umami",
    version: "2.10.0",
    folder: "src/tracker",
    start: "index.js",
    head: (at) => `<script defer src="${at}/index.js" data-website-id="key"></script>`,
    track: 'umami.track("Kept event")',
    api: "umami",
    answers: { "/api/send": "token" },
  },
];
