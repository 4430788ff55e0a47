// Checks of the wire with real clients, once for each installed version of huggingface_hub. A file of checks is:
//
//   describeVersions("downloads", ({ version, make }) => {
//     let hub: TestHub;
//     let home: ClientHome;
//     beforeAll(async () => {
//       hub = await testHub();
//       home = await make(hub.url, await hub.user("ana")); // the interpreters and programs of this version
//     });
//     afterAll(async () => { await home?.remove(); await hub?.stop(); });
//
//     check(1, "hf_hub_download of a small file", async () => { … await home.python().run("…") … });
//   });
//
// The number is the check's in the list of checks (CONFORMANCE.md); one number may have several tests, with titles of their own.
// Make one hub and one interpreter a file where checks allow it: both take seconds to start.
// Checks of llama.cpp and of Rust's hf-hub are in native.test.ts, those of JavaScript and git in test/hub-server; all use `check`.
// This file knows no client's calls.
import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, inject, it } from "vitest";
import { ClientHome } from "../python.ts";

/** The versions of huggingface_hub that are installed, and the environments that have them (setup.ts). */
const VERSIONS = { "1.33": "python", "2.0": "python2" } as const;

export type Version = keyof typeof VERSIONS;

export interface Client {
  version: Version;
  /** A home of its own for this version's interpreters and programs, which talk to the endpoint as the token's user. */
  make(endpoint: string, token?: string): Promise<ClientHome>;
}

/** Runs the body once for each version of huggingface_hub; skipped, with the reason in the title, where it is missing. */
export function describeVersions(area: string, body: (client: Client) => void): void {
  for (const [version, environment] of Object.entries(VERSIONS)) {
    const installed = inject(environment);
    const title = `${area}, huggingface_hub ${version}`;
    const reason = "missing" in installed ? ` (skipped: ${installed.missing})` : "";
    describe.skipIf(reason !== "")(`${title}${reason}`, () =>
      body({
        // safe because the keys of VERSIONS are all there are
        version: version as Version,
        make: (endpoint, token) => ClientHome.make(endpoint, token, environment),
      }),
    );
  }
}

/** A test of one numbered check. */
export function check(number: number, title: string, test: () => Promise<void>): void {
  it(`conformance/${number} ${title}`, test);
}

/** Paths of the files below a folder, those that links lead to included, in order. */
export async function filesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if ((await stat(path)).isFile()) paths.push(relative(folder, path));
  }
  return paths.sort();
}
