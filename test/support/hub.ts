// A listening hub for tests: a free port, a folder of its own, the embedded database or the Postgres of DATABASE_URL.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createToken, createUser, type Hub, type HubOptions, startHub } from "../../hub-server/main.ts";
import { findUser } from "../../hub-server/services/users.ts";

export interface TestHub extends Hub {
  folder: string;
  /** Makes a user with a token that may write. */
  user(name: string, options?: { admin?: boolean; password?: string; role?: "read" | "write" }): Promise<string>;
  /** Another token of a user that exists. */
  tokenOf(name: string, role: "read" | "write"): Promise<{ token: string }>;
  stop(): Promise<void>;
}

export async function testHub(options: HubOptions = {}): Promise<TestHub> {
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), "abrazo-hub-")));
  const hub = await startHub({ port: 0, ...options, dataDir: folder });
  return {
    ...hub,
    folder,
    user: async (name, { role = "write", ...rest } = {}) => {
      const { id } = await createUser(hub.deps, { name, ...rest });
      return createToken(hub.deps, id, { name: "test", role });
    },
    tokenOf: async (name, role) => {
      const user = await findUser(hub.deps, name);
      return { token: await createToken(hub.deps, user?.id ?? "", { name: "another", role }) };
    },
    stop: async () => {
      await hub.close();
      if (options.dataDir === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
