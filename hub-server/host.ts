// Work on a data folder from the command line: through the server that runs on it, or directly when none does.
// Two processes never write to one embedded database.
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import { LOCAL_KEY_HEADER } from "./api/admin.ts";
import { openDatabase } from "./db/client.ts";
import { readEnv } from "./env.ts";
import { lockFolder, lockOwner } from "./lock.ts";
import { createFirstToken, createUser } from "./services/users.ts";

export interface HostUser {
  name: string;
  password?: string | undefined;
  token?: string | undefined;
  admin?: boolean;
  dataDir?: string | undefined;
}

/** Makes a user with a token. */
export async function createUserOnHost({
  dataDir,
  token,
  ...user
}: HostUser): Promise<{ name: string; token: string }> {
  const env = readEnv();
  const folder = dataDir ?? env.dataDir;
  if (env.databaseUrl !== undefined) return direct({ url: env.databaseUrl }, user, token);
  const owner = lockOwner(folder);
  if (owner?.url !== undefined && owner.key !== undefined)
    return throughServer(owner.url, owner.key, { ...user, token });
  const lock = lockFolder(folder);
  try {
    return await direct({ folder }, user, token);
  } finally {
    lock.release();
  }
}

async function direct(
  source: { url: string } | { folder: string },
  user: Omit<HostUser, "dataDir" | "token">,
  token: string | undefined,
) {
  const { db, close } = await openDatabase(source);
  try {
    const made = await createUser({ db }, user);
    return { name: made.name, token: await createFirstToken({ db }, made, token) };
  } finally {
    await close();
  }
}

const answerSchema = z.object({
  name: z.string().default(""),
  token: z.string().default(""),
  error: z.string().optional(),
});

async function throughServer(
  url: string,
  key: string,
  user: Omit<HostUser, "dataDir">,
): Promise<{ name: string; token: string }> {
  const headers = { "Content-Type": "application/json", [LOCAL_KEY_HEADER]: key };
  const response = await fetch(`${url}/api/admin/users`, { method: "POST", headers, body: JSON.stringify(user) });
  const answer = answerSchema.parse(await response.json());
  if (response.ok) return { name: answer.name, token: answer.token };
  throw new AbrazoError({
    code: response.headers.get("x-error-code") ?? `HTTP_${response.status}`,
    message: answer.error ?? `${url} answered ${response.status}`,
  });
}
