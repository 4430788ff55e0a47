// A hub that somebody has filled with bait: wherever a page shows what others wrote, it shows markup that calls `hit()`, and a mark that
// turns the text around. And the addresses of all those pages.
import { createHash } from "node:crypto";
import { createSession, findUser } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { type Call, caller } from "../support/caller.ts";
import { type Caller, caller as calls, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";

/** Ends attributes, elements and scripts, whichever it stands in; and turns around what follows. */
const BAIT = `"'></title></textarea></script><img src=x onerror=hit()><script>hit()</script>{{hit()}}\u202Egnp`;
/** The same without what names of branches and files may not have. */
const REF = `"'><svg/onload=hit()>\u202Egnp`;
const FILE = `"'><img src=x onerror=hit()>\u202Egnp`;
const SHORT = `"><img src=x onerror=hit()>\u202Egnp`;

const LINKS = [
  "javascript:hit()",
  "JaVa\tScRiPt:hit()",
  "\u0001javascript:hit()",
  "vbscript:hit()",
  "data:text/html,x",
];
const HTML = `<!doctype html><html xmlns="http://www.w3.org/1999/xhtml"><body onload="hit()"><script>hit()</script></body></html>`;
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" onload="hit()"><script>hit()</script></svg>`;

const MARKDOWN = `
# ${SHORT}
${LINKS.map((link) => `[link](<${link}>) ![image](<${link}>) <${link}> <a href="${link}">a</a> <img src="${link}">`).join("\n")}
[ref]: javascript:hit() "x' onmouseover='hit()"
[ref] [![x](x" onerror="hit())](javascript:hit()) javascript:hit() www.example.org/"onmouseover="hit() hit@example.org"onclick="hit()
<svg><script>hit()</script><animate onbegin=hit() attributeName=x dur=1s><use href="data:image/svg+xml,x"/></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=hit()&gt;"></table></mtext></math>
<form action="javascript:hit()"><input formaction="javascript:hit()" autofocus onfocus=hit()><button formaction=javascript:hit()>x</button></form>
<iframe srcdoc="<script>parent.hit()</script>"></iframe><object data="javascript:hit()"></object><embed src="javascript:hit()">
<details open ontoggle=hit()><summary>x</summary></details><video src=x onerror=hit()></video><body onload=hit()><base href="//evil.example/">
<meta http-equiv="refresh" content="0;url=javascript:hit()"><link rel=stylesheet href="//evil.example/x.css"><style>*{display:none}</style>
<p style="background:url(javascript:hit())" class="menu" id="main" data-copy data-toggle-theme>x</p><noscript><p title="</noscript><img src=x onerror=hit()>"></noscript>
<a href="javascript&colon;hit()">x</a> <a href="&#106;avascript:hit()">x</a> <a href=" javascript:hit()" target=_top ping="//evil.example">x</a>
\`\`\`js"><img src=x onerror=hit()>
</code></pre><script>hit()</script>
\`\`\`
| a | ${SHORT} |
|---|---|
| <img src=x onerror=hit()> | [^1] |

[^1]: <script>hit()</script> [x](javascript:hit())
$$\\href{javascript:hit()}{x}$$ <!-- --!><img src=x onerror=hit()> -->
`;

const CARD_FIELDS: Readonly<Record<string, unknown>> = {
  license: BAIT,
  license_name: BAIT,
  license_link: "javascript:hit()",
  pipeline_tag: BAIT,
  library_name: BAIT,
  language: [BAIT, SHORT],
  tags: [BAIT, SHORT, "javascript:hit()"],
  datasets: [BAIT, "javascript:hit()/x", "eve/data"],
  base_model: [BAIT, "../../javascript:hit()", "eve/other"],
  metrics: [BAIT],
  thumbnail: "javascript:hit()",
  pretty_name: BAIT,
  title: BAIT,
  emoji: BAIT,
  colorFrom: BAIT,
  sdk: SHORT,
  app_file: "javascript:hit()",
  task_categories: [BAIT, SHORT],
  models: [BAIT, "eve/bait"],
  co2_eq_emissions: { emissions: 1, source: BAIT },
  widget: [{ text: BAIT, example_title: BAIT, src: "javascript:hit()", output: { url: "javascript:hit()" } }],
  inference: { parameters: { x: BAIT } },
  extra_gated_heading: BAIT,
  extra_gated_prompt: BAIT,
  extra_gated_description: BAIT,
  extra_gated_button_content: BAIT,
  extra_gated_fields: { [SHORT]: "text", Pick: { type: "select", options: [BAIT, { label: BAIT, value: SHORT }] } },
  "model-index": [
    {
      name: BAIT,
      results: [
        {
          task: { type: BAIT, name: BAIT },
          dataset: { type: BAIT, name: BAIT, config: BAIT, split: BAIT, revision: BAIT },
          metrics: [{ type: SHORT, name: BAIT, value: 0.5, verifyToken: BAIT }],
          source: { name: BAIT, url: "javascript:hit()" },
        },
      ],
    },
  ],
};

const CARD = `---\n${Object.entries(CARD_FIELDS)
  .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
  .join("")}---\n${MARKDOWN}`;

const RECORD = JSON.stringify({
  version: 1,
  createdAt: BAIT,
  abrazoVersion: BAIT,
  task: BAIT,
  seed: 0,
  device: BAIT,
  model: { modelType: BAIT, parameters: 1 },
  datasets: [],
  hyperparameters: {},
  steps: 1,
  durationSeconds: 1,
  environment: {},
  history: [],
  evaluations: [
    { dataset: { name: BAIT, split: BAIT }, metric: BAIT, metricName: BAIT, value: 0.5, slice: BAIT, count: 3 },
  ],
});

/** A safetensors file whose names are bait. */
function weights(): string {
  const header = JSON.stringify({
    __metadata__: { [BAIT]: BAIT },
    [`a.${BAIT}`]: { dtype: "U8", shape: [4], data_offsets: [0, 4] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), Buffer.from("abcd")]).toString("latin1");
}

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
/** Files that browsers run where they are told what they are, or guess it. */
const LIVE = ["html", "htm", "xhtml", "svg", "xml", "pdf", "js", "mjs", "css", "swf", "mht", "shtml", "json", "md"];

export interface HostileWorld {
  hub: TestHub;
  cookie: string;
  /** Pages by a name. */
  pages: ReadonlyMap<string, string>;
  /** Addresses of files themselves. */
  files: readonly string[];
}

export async function makeHostileWorld(): Promise<HostileWorld> {
  const hub = await testHub();
  const token = await hub.user("eve", { admin: true, password: "correct horse" });
  const [eve, plain] = [calls(hub.url, token), caller(hub, { token })];
  await eve.ok("PATCH", "/api/settings/profile", { fullname: SHORT });
  const { id = "" } = (await findUser(hub.deps, "eve")) ?? {};
  const cookie = await createSession(hub.deps, id);
  const browser = caller(hub, { cookie: `${SESSION_COOKIE}=${cookie}` });
  const pages = new Map([
    ...(await repositories(eve)),
    ...(await talk(eve)),
    ...(await people(hub, eve, plain)),
    ...(await apps(plain, browser)),
    ...reflected(),
  ]);
  const paths = [...LIVE.map((ending) => `live.${ending}`), `${FILE}/${FILE}.html`];
  const files = paths.flatMap((path) =>
    ["resolve", "raw"].map((kind) => `/eve/bait/${kind}/main/${path.split("/").map(encodeURIComponent).join("/")}`),
  );
  return { hub, cookie, pages, files };
}

async function repositories(eve: Caller): Promise<[string, string][]> {
  for (const name of ["bait", "other", "gate"]) await eve.ok("POST", "/api/repos/create", { name });
  await eve.ok("POST", "/api/repos/create", { name: "data", type: "dataset" });
  await eve.ok("POST", "/api/repos/create", { name: "app", type: "space", sdk: "static" });
  const live = [...LIVE, "png"].map((ending) => file(`live.${ending}`, ending === "svg" ? SVG : HTML));
  const lines = [
    file("README.md", CARD),
    file("training-record.json", RECORD),
    file(`${FILE}/${FILE}.html`, HTML),
    ...live,
  ];
  const binary = {
    key: "file",
    value: { path: "m.safetensors", content: Buffer.from(weights(), "latin1").toString("base64"), encoding: "base64" },
  };
  const header = { summary: BAIT, description: `${BAIT}\n${BAIT}` };
  const { commitOid } = await eve.commit(
    "/api/models/eve/bait",
    "main",
    [...lines, binary, file("a.txt", BAIT)],
    header,
  );
  const second = await eve.commit(
    "/api/models/eve/bait",
    "main",
    [file("a.txt", `${BAIT}\n${BAIT}`), file("b.txt", BAIT)],
    header,
  );
  const ref = encodeURIComponent(REF);
  await eve.ok("POST", `/api/models/eve/bait/branch/${ref}`, {});
  await eve.ok("POST", "/api/models/eve/bait/tag/main", { tag: `tag-${REF}`, message: BAIT });
  const rows = [BAIT, SHORT, ...LINKS].map((cell) => `${quoted(cell)},${quoted(BAIT)}`);
  const objects = [{ [BAIT]: BAIT, deep: { [BAIT]: [BAIT] } }];
  const tables = [
    file("train.csv", `${quoted(BAIT)},${quoted(SHORT)}\n${rows.join("\n")}\n`),
    file(`${FILE}.tsv`, `${SHORT}\tb\n${SHORT}\t1\n`),
    file("test.jsonl", `${objects.map((row) => JSON.stringify(row)).join("\n")}\n`),
    file("README.md", CARD),
  ];
  await eve.commit("/api/datasets/eve/data", "main", tables, header);
  await eve.commit("/api/spaces/eve/app", "main", [file("README.md", CARD), file("index.html", HTML)], header);
  const named = encodeURIComponent(FILE);
  return [
    ["home", "/"],
    ["models", "/models"],
    ["datasets", "/datasets"],
    ["spaces", "/spaces"],
    ["user", "/eve"],
    ["model", "/eve/bait"],
    ["dataset", "/datasets/eve/data"],
    ["dataset jsonl", "/datasets/eve/data?table=test.jsonl"],
    ["dataset tsv", `/datasets/eve/data?table=${named}.tsv`],
    ["space", "/spaces/eve/app"],
    ["files", "/eve/bait/tree/main"],
    ["folder", `/eve/bait/tree/main/${named}`],
    ["file in it", `/eve/bait/blob/main/${named}/${named}.html`],
    ["branch", `/eve/bait/tree/${ref}`],
    ["tag", `/eve/bait/tree/${encodeURIComponent(`tag-${REF}`)}`],
    ["history of a branch", `/eve/bait/commits/${ref}`],
    ["history", "/eve/bait/commits/main"],
    ["commit", `/eve/bait/commit/${commitOid}`],
    ["difference", `/eve/bait/commit/${second.commitOid}`],
    ["weights", "/eve/bait/blob/main/m.safetensors"],
    ["Markdown", "/eve/bait/blob/main/README.md"],
    ["Markdown as source", "/eve/bait/blob/main/README.md?source"],
    ["table as rows", "/datasets/eve/data/blob/main/train.csv"],
    ...[...LIVE, "png"].map((ending): [string, string] => [`file ${ending}`, `/eve/bait/blob/main/live.${ending}`]),
  ];
}

async function talk(eve: Caller): Promise<[string, string][]> {
  const base = "/api/models/eve/bait/discussions";
  await eve.ok("POST", base, { title: BAIT.slice(0, 180), description: MARKDOWN });
  for (const comment of [BAIT, HTML, SVG, `@${SHORT} #1`]) await eve.ok("POST", `${base}/1/comment`, { comment });
  await eve.ok("POST", `${base}/1/title`, { title: `x ${BAIT}`.slice(0, 180) });
  const header = { summary: BAIT, description: BAIT };
  await eve.commit("/api/models/eve/bait", REF, [file(`new ${FILE}`, BAIT)], header, "?create_pr=1");
  return [
    ["discussions", "/eve/bait/discussions"],
    ["discussion", "/eve/bait/discussions/1"],
    ["pull request", "/eve/bait/discussions/2"],
    ["its files", "/eve/bait/discussions/2/files"],
  ];
}

async function people(hub: TestHub, eve: Caller, plain: Call): Promise<[string, string][]> {
  await eve.ok("POST", "/api/organizations", { name: "lab", fullname: SHORT, details: BAIT });
  const { slug } = await eve.ok<{ slug: string }>("POST", "/api/collections", {
    title: SHORT,
    description: BAIT.slice(0, 150),
    item: { type: "model", id: "eve/bait", note: BAIT },
  });
  const outer = { title: `outer ${SHORT}`, item: { type: "collection", id: slug, note: BAIT } };
  const { slug: other } = await eve.ok<{ slug: string }>("POST", "/api/collections", outer);
  await eve.commit("/api/models/eve/gate", "main", [file("README.md", CARD)]);
  await eve.ok("PUT", "/api/models/eve/gate/settings", { gated: "manual" });
  const ben = caller(hub, { token: await hub.user("ben") });
  await ben("PATCH", "/api/settings/profile", { fullname: SHORT });
  await ben("POST", "/eve/gate/ask-access", { [SHORT]: BAIT, Pick: SHORT });
  for (const [name, values] of [
    ["website", { website: "javascript:hit()" }],
    ["socials", { socials: { github: "javascript:hit()" } }],
  ] as const)
    if ((await ben("PATCH", "/api/settings/profile", values)).status < 300) throw new Error(`${name} was taken`);
  await eve.ok("POST", "/api/settings/tokens", { name: SHORT });
  await plain("POST", "/api/organizations/lab/service-accounts", { name: "bot", description: BAIT });
  return [
    ["organization", "/lab"],
    ["its settings", "/organizations/lab/settings"],
    ["collections", "/collections"],
    ["collection", `/collections/${slug}`],
    ["collection of collections", `/collections/${other}`],
    ["gate", "/eve/gate/access"],
    ["requests", "/eve/gate/access-requests"],
    ["tokens", "/settings/tokens"],
  ];
}

async function apps(plain: Call, browser: Call): Promise<[string, string][]> {
  const redirect = `evil.app://x/?"><img/src=x/onerror=hit()>`;
  const app = await plain("POST", "/oauth/register", {
    client_name: BAIT,
    client_uri: `https://x.example/"><img src=x onerror=hit()>\u202Egnp`,
    redirect_uris: [redirect],
  });
  const own = new URLSearchParams({
    name: BAIT.slice(0, 80),
    homepage: `https://x.example/${SHORT}`,
    redirect_uris: redirect,
  });
  await browser("POST", "/settings/applications", own);
  const asked = {
    client_id: String(app.get("client_id")),
    redirect_uri: redirect,
    response_type: "code",
    scope: "openid read-repos",
    state: BAIT,
    nonce: BAIT,
    code_challenge: createHash("sha256").update("v").digest("base64url"),
    code_challenge_method: "S256",
  };
  const device = new URLSearchParams({ client_id: asked.client_id, scope: "openid" });
  const code = String((await plain("POST", "/oauth/device", device)).get("user_code"));
  const at = (more: Record<string, string>) => `/oauth/authorize?${new URLSearchParams({ ...asked, ...more })}`;
  return [
    ["consent", at({})],
    ["consent to a wrong address", at({ redirect_uri: `javascript:hit()//${BAIT}` })],
    ["consent to no app", at({ client_id: BAIT })],
    ["device", `/oauth/device?user_code=${code}`],
    ["device with a wrong code", `/oauth/device?${new URLSearchParams({ user_code: BAIT })}`],
    ["applications", "/settings/applications"],
  ];
}

/** Pages that say again what stands in their address. */
function reflected(): [string, string][] {
  const [bait, ref] = [encodeURIComponent(BAIT), encodeURIComponent(REF)];
  const all = (names: string) => new URLSearchParams(names.split(" ").map((name) => [name, BAIT]));
  return [
    ["search", `/search?search=${bait}`],
    [
      "list",
      `/models?${all("search sort pipeline_tag library sdk author filter apps num_parameters models cursor x")}`,
    ],
    ["list of datasets", `/datasets?${all("search filter author datasets gated")}`],
    ["search of collections", `/collections?${all("q p")}`],
    ["search of discussions", `/eve/bait/discussions?${all("search type status p")}`],
    ["login", `/login?next=${bait}`],
    ["login that leads on", `/login?next=/${ref}`],
    ["operations", `/api/docs?area=${bait}`],
    ["no page", `/${bait}/${bait}/${bait}`],
    ["no user", `/${ref}`],
    ["no repository", `/eve/${ref}`],
    ["no revision", `/eve/bait/tree/${bait.replaceAll("%2F", "")}`],
    ["no file", `/eve/bait/blob/main/${bait}`],
    ["no commit", `/eve/bait/commit/${ref}`],
    ["no discussion", `/eve/bait/discussions/${ref}`],
    ["no table", `/datasets/eve/data?table=${bait}`],
    ["no path", `/eve/bait/blob/main/..%2f${ref}`],
    ["broken address", "/eve/bait/blob/main/%E0%A4%A<svg onload=hit()>"],
    ["set-up", `/setup?secret=${bait}`],
    ["requests of a status", `/eve/gate/access-requests?${all("status p")}`],
  ];
}
