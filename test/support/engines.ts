// The same tests on both databases that a hub may have.
import { afterAll, describe } from "vitest";
import { type TestHub, testHub } from "./hub.ts";
import { startPostgres, type TestPostgres } from "./postgres.ts";

/** Runs the body once for each database; `start` makes a hub on it. */
export function describeEngines(title: string, body: (start: () => Promise<TestHub>) => void): void {
  describe(`${title}, on the embedded database`, () => body(() => testHub()));
  describe(`${title}, on Postgres`, () => {
    let server: TestPostgres | undefined;
    // Before the body's own, so that it comes after them.
    afterAll(() => server?.stop());
    body(async () => {
      server = await startPostgres();
      return testHub({ databaseUrl: await server.database("hub") });
    });
  });
}
