/** The short form of `node test/loss/run.mjs`: every kind of trouble once, in both browsers, against the collector itself. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runTrials } from "../loss/trials.mjs";
import { chromePath, firefoxPath, missingCollector } from "./harness.mjs";

const BROWSERS = { chromium: chromePath, firefox: firefoxPath };

describe("trouble", { skip: missingCollector() }, () => {
  for (const [browserName, path] of Object.entries(BROWSERS)) {
    test(`loses and doubles nothing that was saved before, in ${browserName}`, async (t) => {
      if (!path && process.env.CI === "true") throw new Error(`no ${browserName} here`);
      if (!path) return t.skip(`no ${browserName} here`);
      const { tracked, lost, doubled } = await runTrials({ browserName, events: 60, perRound: 10, offlineMs: 1000, saved: true });
      assert.equal(tracked.length, 60);
      assert.deepEqual({ lost, doubled }, { lost: [], doubled: [] });
      return undefined;
    });
  }
});
