// A hub with what pages find hard: long and strange names, hostile texts, broken files, large numbers, nothing at all.
import { readFile } from "node:fs/promises";
import { createBranch, createRepo, deleteFile, uploadFiles } from "@huggingface/hub";
import { packageFile } from "../../src/package-root.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { makePeople, type People } from "./people.ts";

export interface World extends People {
  hub: TestHub;
  /** A hub that nobody has set up yet. */
  fresh: TestHub;
  cookie: string;
  /** Paths of commits. */
  fineTuned: string;
  strange: string;
}

const CARD = `---
license: apache-2.0
pipeline_tag: text-classification
base_model: ana/base
datasets: [ana/reviews, somebody/elsewhere]
language: [en, de]
tags: [tiny, "<b>bold</b>"]
---
# Mood

A [file](config.json), an [evil link](javascript:alert(1)), and <img src=x onerror="document.title='hacked'"> <script>document.title="hacked"</script>
![from elsewhere](https://evil.example/track.png)

| a wide | table | of | many | columns | that | does | not | fit | a | phone |
|---|---|---|---|---|---|---|---|---|---|---|
| averyveryverylongwordthatcannotbreak | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |

## main

- [x] done
- [ ] to do[^1]

<details><summary>More</summary>

Hidden **words**

</details>

> A quotation

\`\`\`ts
const averylongline = "that goes on and on and on and on and on and on and on and on and on and on and on";
\`\`\`

[^1]: A note
`;

const HOSTILE = `---
license: "<script>alert(1)</script>"
pipeline_tag: "\\"><img src=x onerror=alert(1)>"
library_name: "'; alert(1); '"
tags: ["${"long".repeat(60)}", ${Array.from({ length: 50 }, (_, index) => `"tag-${index}"`).join(", ")}]
---
<h1 id="main" onclick="alert(1)">${"unbreakable".repeat(40)}</h1>

<style>body { display: none }</style>

| a |
|---|
| ${"cell".repeat(60)} |
`;

const HOSTILE_ROWS = [
  "<script>document.title='hacked'</script>",
  "<img src=x onerror=\"document.title='hacked'\">",
  "\u202Eturned around",
  "😀 日本語 العربية",
  "one\ntwo\nthree",
  "x".repeat(3000),
];

const record = (value: number) =>
  JSON.stringify({
    version: 1,
    createdAt: "",
    abrazoVersion: "0",
    task: "text-classification",
    seed: 0,
    device: "cpu",
    model: { modelType: "distilbert", parameters: 1 },
    datasets: [],
    hyperparameters: {},
    steps: 1,
    durationSeconds: 1,
    environment: {},
    history: [],
    evaluations: [
      {
        dataset: { name: "SST-2", split: "validation" },
        metric: "accuracy",
        metricName: "Accuracy",
        value,
        interval: [value - 0.03, value + 0.03],
        count: 872,
      },
      { dataset: { name: "SST-2", split: "validation" }, metric: "loss", value: 1 - value },
    ],
  });

const file = (path: string, content: string | Uint8Array<ArrayBuffer>) => ({ path, content: new Blob([content]) });
const csv = (cells: readonly (string | number)[]) =>
  cells.map((cell) => `"${`${cell}`.replaceAll('"', '""')}"`).join(",");

export async function makeWorld(): Promise<World> {
  const [hub, fresh] = [await testHub(), await testHub()];
  const accessToken = await hub.user("ana", { password: "correct horse" });
  const at = { hubUrl: hub.url, accessToken, useXet: false };
  for (const repo of ["mood", "empty", "no-card", "bad-yaml", "strange", "many", "x".repeat(90)])
    await createRepo({ ...at, repo: `ana/${repo}` });
  await createRepo({ ...at, repo: "ana/private", private: true });
  for (const repo of ["reviews", "strange", "no-table"]) await createRepo({ ...at, repo: `datasets/ana/${repo}` });
  await createRepo({ ...at, repo: "ana/base" });

  const fineTuned = await mood(at);
  const strange = await strangeModel(at);
  await uploadFiles({ ...at, repo: "ana/no-card", files: [file("notes.txt", "x\n")] });
  await uploadFiles({ ...at, repo: "ana/bad-yaml", files: [file("README.md", "---\na: [b\n---\n# Still read\n")] });
  const many = Array.from({ length: 600 }, (_, index) => file(`part-${`${index}`.padStart(4, "0")}.txt`, `${index}\n`));
  await uploadFiles({ ...at, repo: "ana/many", files: many });
  await datasets(at);
  await talk(at);

  const people = await makePeople(hub, accessToken);

  const login = await fetch(`${hub.url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: hub.url },
    body: new URLSearchParams({ name: "ana", password: "correct horse", next: "/" }),
  });
  const cookie = /abrazo_session=([^;]+)/.exec(login.headers.get("set-cookie") ?? "")?.[1] ?? "";
  return { hub, fresh, cookie, fineTuned, strange, ...people };
}

interface At {
  hubUrl: string;
  accessToken: string;
  useXet: boolean;
}

/** A model and its fine-tuned second version; the path of that commit. */
async function mood(at: At): Promise<string> {
  const weights = new Uint8Array(
    await readFile(packageFile("pipelines", "defaults", "text-classification", "model.safetensors")),
  );
  const changed = weights.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  await uploadFiles({
    ...at,
    repo: "ana/mood",
    commitTitle: "First weights",
    files: [
      file("README.md", CARD),
      file("config.json", '{\n  "model_type": "distilbert"\n}\n'),
      file("model.safetensors", weights),
      file("sub dir/é#?.txt", "text"),
      file("training-record.json", record(0.81)),
    ],
  });
  const second = await uploadFiles({
    ...at,
    repo: "ana/mood",
    commitTitle: "Fine-tune on reviews, with a rather long title that has to wrap on a phone",
    files: [
      file("config.json", '{\n  "model_type": "distilbert",\n  "dropout": 0.1\n}\n'),
      file("model.safetensors", changed),
      file("training-record.json", record(0.84)),
    ],
  });
  return `/ana/mood/commit/${second?.commit.oid}`;
}

/** Files that cannot be shown, or want to be more than shown; the path of a commit that changes some. */
async function strangeModel(at: At): Promise<string> {
  const repo = "ana/strange";
  const lines = (change: string) =>
    Array.from({ length: 5000 }, (_, index) => (index % 9 === 0 ? `${change} ${index}` : `line ${index}`)).join("\n");
  await uploadFiles({
    ...at,
    repo,
    commitTitle: `<script>document.title="hacked"</script> ${"title".repeat(40)}`,
    files: [
      file("README.md", HOSTILE),
      file("<img src=x onerror=alert(1)>.txt", "x"),
      file("a&b=c?d#e%20f.txt", "x"),
      file("日本語/ファイル😀.txt", "こんにちは\n"),
      file(`${"long-name-".repeat(24)}.json`, "{}"),
      file("deep/er/and/deeper/still/and/then/some/more/folders/file.txt", "x"),
      file("empty.txt", ""),
      file(
        "binary.dat",
        new Uint8Array(5000).map((_, index) => index % 256),
      ),
      file("broken.safetensors", new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9])),
      file("one-line.json", JSON.stringify(Array.from({ length: 20_000 }, (_, index) => index))),
      file("long.txt", lines("old")),
      file("enormous.txt", "abc def \u202E ghi\n".repeat(100_000)),
      file("page.html", "<script>document.title='hacked'</script>"),
      file("not.png", "no picture"),
    ],
  });
  await createBranch({ ...at, repo, branch: `a-very-long-name-of-a-branch-${"that-goes-on-".repeat(5)}` });
  const changed = await uploadFiles({
    ...at,
    repo,
    commitTitle: "Change\n\nA body with <b>markup</b>\n",
    files: [
      file("long.txt", lines("new")),
      file("binary.dat", new Uint8Array(9)),
      file("one-line.json", "[]"),
      file("empty.txt", "not any more\n"),
    ],
  });
  await deleteFile({ ...at, repo, path: "not.png" });
  return `/ana/strange/commit/${changed?.commit.oid}`;
}

async function datasets(at: At): Promise<void> {
  const rows = Array.from(
    { length: 120 },
    (_, index) => `A review number ${index} with a few words in it\t${index % 2}`,
  );
  const table = (lines: readonly string[]) => `text\tlabel\n${lines.join("\n")}\n`;
  const card =
    "---\nlicense: cc0-1.0\ntask_categories: [text-classification]\npretty_name: Reviews\ntags: [films]\n---\n# Reviews\n";
  await uploadFiles({
    ...at,
    repo: "datasets/ana/reviews",
    files: [file("train.tsv", table(rows)), file("test.tsv", table(rows.slice(9))), file("README.md", card)],
  });
  const numbers = Array.from({ length: 60 }, (_, index) => index * Math.PI * 10 ** (index % 12));
  const header = csv(["id", "<b>text</b>", "a, b", ...numbers.map((_, index) => `feature ${index}`)]);
  const lines = HOSTILE_ROWS.map((text, index) => csv([index, text, "x", ...numbers]));
  const objects = HOSTILE_ROWS.map((text) =>
    JSON.stringify({ text, meta: { tags: ["a", "b"], deep: [1, { x: null }] } }),
  );
  await uploadFiles({
    ...at,
    repo: "datasets/ana/strange",
    files: [file("data.csv", `${[header, ...lines].join("\n")}\n`), file("data.jsonl", `${objects.join("\n")}\nno\n`)],
  });
  await uploadFiles({ ...at, repo: "datasets/ana/no-table", files: [file("notes.txt", "x\n")] });
  await createRepo({ ...at, repo: "spaces/ana/demo", sdk: "gradio" });
  const demo =
    "---\ntitle: A demo\nsdk: gradio\nmodels: [ana/mood]\ndatasets: [ana/reviews, some/where]\n---\n# A demo\n";
  await uploadFiles({ ...at, repo: "spaces/ana/demo", files: [file("README.md", demo), file("app.py", "x\n")] });
}

/** Discussions: a thread of strangers, a pull request that may be merged, and one that conflicts. */
async function talk({ hubUrl, accessToken, ...at }: At): Promise<void> {
  const post = async (path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${accessToken}`, "content-type": "application/json" };
    const address = `${hubUrl}/api/models/ana/strange/discussions${path}`;
    const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  const title = `<script>document.title="hacked"</script> ${"title".repeat(20)}`;
  await post("", { title, description: HOSTILE });
  for (const comment of HOSTILE_ROWS) await post("/1/comment", { comment });
  await post("/1/title", { title: "\u202Eturned around, and a title that is long enough to have to wrap on a phone" });
  await post("/1/pin", { pinned: true });
  const propose = (path: string, content: string) =>
    uploadFiles({
      ...at,
      hubUrl,
      accessToken,
      repo: "ana/strange",
      isPullRequest: true,
      commitTitle: `Change ${path}, for reasons that are told at length`,
      files: [file(path, content)],
    });
  await propose("proposed.txt", "new\n");
  await propose(`${"long-name-".repeat(24)}.json`, "[]");
  await uploadFiles({
    ...at,
    hubUrl,
    accessToken,
    repo: "ana/strange",
    files: [file(`${"long-name-".repeat(24)}.json`, "1")],
  });
}
