// Organizations, collections, gates and apps for the pages in Chromium, with names and texts that pages find hard.
import { type Call, caller } from "../support/caller.ts";
import type { TestHub } from "../support/hub.ts";

export interface People {
  /** Paths of pages whose names are drawn. */
  collection: string;
  consent: string;
  device: string;
}

const CARD = `---
extra_gated_prompt: "By asking you agree to:\\n- be kind\\n- <script>document.title='hacked'</script>"
extra_gated_fields:
  Company: text
  Country: {type: select, options: [Spain, Elsewhere]}
  Born: date_picker
  I will be kind, and read this rather long sentence to its end before I tick it: checkbox
---
# Gated
`;
const ANSWERS = {
  Company: "x".repeat(300),
  Country: "Spain",
  Born: "2000-01-31",
  "I will be kind, and read this rather long sentence to its end before I tick it": "true",
};

/** Everything belongs to ana, whose token is given. */
export async function makePeople(hub: TestHub, token: string): Promise<People> {
  const ana = caller(hub, { token });
  const others: Call[] = [];
  for (const name of ["ben", "a-name-that-is-really-quite-long-for-a-phone", "cy"]) {
    others.push(caller(hub, { token: await hub.user(name) }));
  }
  await ana("POST", "/api/organizations", {
    name: "lab",
    fullname: "The Laboratory of <b>Long</b> Names",
    details: "We measure.",
  });
  for (const [user, role] of [
    ["ben", "write"],
    ["a-name-that-is-really-quite-long-for-a-phone", "contributor"],
  ])
    await ana("POST", "/api/organizations/lab/members", { user, role });
  await ana("POST", "/api/organizations/lab/service-accounts", { name: "Deploy bot" });
  const readme = { path: "README.md", content: Buffer.from(CARD).toString("base64"), encoding: "base64" };
  await ana("POST", "/api/repos/create", { name: "gated", organization: "lab", files: [readme] });
  await ana("PUT", "/api/models/lab/gated/settings", { gated: "manual" });
  for (const other of others.slice(1)) await other("POST", "/lab/gated/ask-access", ANSWERS);
  await others[2]?.("POST", "/api/repos/create", { name: "theirs", files: [readme] });
  await others[2]?.("PUT", "/api/models/cy/theirs/settings", { gated: "manual" });
  const made = await ana("POST", "/api/collections", {
    title: "Small <b>models</b>",
    description: "That fit a phone.",
    private: true,
  });
  const slug = String(made.get("slug"));
  for (const id of ["ana/mood", "lab/gated", `ana/${"x".repeat(90)}`])
    await ana("POST", `/api/collections/${slug}/items`, { item: { type: "model", id }, note: "A note about it." });
  const scoped = [{ entity: { type: "org", name: "lab" }, permissions: ["repo.write", "collection.write"] }];
  await ana("POST", "/api/settings/tokens", {
    name: "deployment",
    role: "fineGrained",
    fineGrained: { canReadGatedRepos: true, scoped },
    expiresAt: "2999-01-01T00:00:00Z",
  });
  const app = await ana("POST", "/oauth/register", {
    client_name: "A viewer",
    redirect_uris: ["https://viewer.example/callback"],
  });
  const consent = new URLSearchParams({
    client_id: String(app.get("client_id")),
    redirect_uri: "https://viewer.example/callback",
    response_type: "code",
    scope: "openid profile email read-repos write-discussions",
    code_challenge: "x".repeat(43),
    code_challenge_method: "S256",
    state: "s",
  });
  const device = await ana(
    "POST",
    "/oauth/device",
    new URLSearchParams({ client_id: "26be6b09-91c5-47da-9861-d2d2bb7a7e36" }),
  );
  return {
    collection: `/collections/${slug}`,
    consent: `/oauth/authorize?${consent}`,
    device: `/oauth/device?user_code=${device.get("user_code")}`,
  };
}
