// Four projects: unit is the gate; browser, clients and gpu need more than Node and run by their own scripts.
import { defineConfig } from "vitest/config";
import { driverEnvironment } from "./gpu/driver.ts";

// Limits are for what hangs: a machine that does other things beside it may be ten times slower than one at rest.
const shared = {
  pool: "forks" as const,
  testTimeout: 120_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 30_000 } },
  globalSetup: ["test/support/built.ts"],
};

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: "unit",
          include: ["test/**/*.test.ts", "test/**/*.test.tsx"],
          exclude: ["test/browser/**", "test/clients/**", "test/gpu/**"],
        },
      },
      {
        extends: true,
        test: { ...shared, name: "browser", include: ["test/browser/**/*.test.ts"] },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "clients",
          include: ["test/clients/**/*.test.ts"],
          globalSetup: ["test/support/built.ts", "test/clients/setup.ts"],
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "gpu",
          include: ["test/gpu/**/*.test.ts"],
          env: driverEnvironment(),
          testTimeout: 300_000,
        },
      },
    ],
  },
});
