// The hub on a real Postgres server.
import { afterAll, beforeAll } from "vitest";
import { testHub } from "../support/hub.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { hubContract } from "./contract.suite.ts";
import { officialClientSuite } from "./huggingface-js.suite.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

hubContract("Postgres", async () => testHub({ databaseUrl: await server.database("contract") }));
officialClientSuite("Postgres", async () => testHub({ databaseUrl: await server.database("official") }));
