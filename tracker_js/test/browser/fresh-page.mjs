/** What a file of tests works on: one browser, and for each test a site and a page of somebody who was never there. */
import { after, before, beforeEach } from "node:test";
import { launch, startSite } from "./harness.mjs";

// Others see each new value: exported names are live (https://tc39.es/ecma262/#sec-module-environment-records).
export let browser, context, site, page;

/** Resolves once the tracker has begun: what a page does before is how it starts. */
export const begun = () => page.evaluate(() => ariane.ready().then(() => {}));

/** Call it first in a `describe`, once a file. */
export function onFreshPages(start = launch) {
  before(async () => {
    browser = await start();
  });
  after(() => browser.close());
  beforeEach(async (t) => {
    site = await startSite();
    context = await browser.createBrowserContext();
    page = await context.newPage();
    t.after(async () => {
      await context.close();
      await site.close();
    });
  });
}
