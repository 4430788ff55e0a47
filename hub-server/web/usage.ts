// Code for a repository's page, ready to be pasted: each line has been run against a hub.
// Text alone; renders nothing.
import { fullName, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import type { Repo } from "../services/access.ts";

export interface UsageSnippet {
  title: string;
  code: string;
}

/** Tasks of `pipeline()`, with a call; a test holds them to the pipelines there are. */
export const PIPELINE_CALLS: Readonly<Record<string, string>> = {
  "feature-extraction": 'await run("A delightful surprise.", { pooling: "mean" })',
  "fill-mask": 'await run("A [MASK] surprise.")',
  "image-classification": 'await run("./picture.jpg")',
  "image-feature-extraction": 'await run("./picture.jpg")',
  "question-answering": 'await run("Who wrote it?", "Ana wrote it in Berlin.")',
  summarization: 'await run("A long text …")',
  "text-classification": 'await run("A delightful surprise.")',
  "text-generation": 'await run("Once upon a time")',
  "text2text-generation": 'await run("A text")',
  "token-classification": 'await run("Ana lives in Berlin.")',
  translation: 'await run("A delightful surprise.")',
  "zero-shot-classification": 'await run("A late goal.", ["sport", "politics"])',
  "zero-shot-image-classification": 'await run("./picture.jpg", ["a dog", "a cat"])',
};

/** Tasks that transformers dropped with its version 5: from Python such a model is run by its class. */
const NOT_IN_PYTHON: ReadonlySet<string> = new Set([
  "question-answering",
  "summarization",
  "text2text-generation",
  "translation",
]);

/** Where this hub is reached. */
export interface Addresses {
  origin: string;
  /** "ssh://git@host:port"; undefined where git is not served over SSH. */
  ssh: string | undefined;
}

/** How to get and run a repository from the tools that people have. */
export function usageOf(repo: Repo, { origin, ssh }: Addresses): UsageSnippet[] {
  return [...USAGES[repo.type](repo, origin), ...gitUsage(repo, { origin, ssh })];
}

type RepoName = Pick<Repo, "type" | "namespace" | "name">;

function gitUsage(repo: RepoName, { origin, ssh }: Addresses): UsageSnippet[] {
  const http = { title: "git", code: `git clone ${origin}${repoPath(repo)}` };
  return ssh === undefined ? [http] : [http, { title: "git over SSH", code: `git clone ${ssh}${repoPath(repo)}` }];
}

const loginIfPrivate = (repo: Repo, origin: string): string =>
  repo.isPrivate ? `abrazo login --endpoint ${origin}\n` : "";

/** Python's clients read the address when they are imported. */
const pythonEndpoint = (origin: string): string => `import os\nos.environ["HF_ENDPOINT"] = "${origin}"\n`;
const pythonToken = (repo: Repo): string => (repo.isPrivate ? ', token="hf_…"' : "");

function modelUsage(repo: Repo, origin: string): UsageSnippet[] {
  const name = fullName(repo);
  const task = repo.pipelineTag ?? "";
  const call = Object.hasOwn(PIPELINE_CALLS, task) ? PIPELINE_CALLS[task] : undefined;
  const snippets: UsageSnippet[] = [
    { title: "Command line", code: `${loginIfPrivate(repo, origin)}abrazo pull ${name} --endpoint ${origin}` },
  ];
  if (call !== undefined) {
    snippets.push({
      title: "TypeScript",
      code: `import { pipeline } from "abrazo";\n\nconst run = await pipeline("${task}", "${name}", {\n  endpoint: "${origin}",\n});\nconsole.log(${call});`,
    });
  }
  const runs =
    call !== undefined && !NOT_IN_PYTHON.has(task) && repo.libraryName === "transformers" && repo.safetensors !== null;
  snippets.push({
    title: runs ? "Python: transformers" : "Python: huggingface_hub",
    code: runs
      ? `${pythonEndpoint(origin)}from transformers import pipeline\n\nrun = pipeline("${task}", "${name}"${pythonToken(repo)})`
      : `from huggingface_hub import snapshot_download\n\nsnapshot_download("${name}", endpoint="${origin}"${pythonToken(repo)})`,
  });
  return snippets;
}

function datasetUsage(repo: Repo, origin: string): UsageSnippet[] {
  const name = fullName(repo);
  return [
    {
      title: "Command line",
      code: `${loginIfPrivate(repo, origin)}abrazo pull ${name} ./${repo.name} --type dataset --endpoint ${origin}`,
    },
    {
      title: "Python: datasets",
      code: `${pythonEndpoint(origin)}from datasets import load_dataset\n\ndata = load_dataset("${name}"${pythonToken(repo)})`,
    },
  ];
}

function spaceUsage(repo: Repo, origin: string): UsageSnippet[] {
  const name = fullName(repo);
  return [
    {
      title: "Python: huggingface_hub",
      code: `from huggingface_hub import snapshot_download\n\nsnapshot_download("${name}", repo_type="space", endpoint="${origin}"${pythonToken(repo)})`,
    },
  ];
}

const USAGES: Readonly<Record<RepoType, (repo: Repo, origin: string) => UsageSnippet[]>> = {
  model: modelUsage,
  dataset: datasetUsage,
  space: spaceUsage,
};

/** How to push a first folder into a repository. */
export function pushUsage(repo: RepoName, { origin, ssh }: Addresses): UsageSnippet[] {
  const name = fullName(repo);
  const type = repo.type === "dataset" ? " --type dataset" : "";
  const python = repo.type === "model" ? "" : `, repo_type="${repo.type}"`;
  const own = {
    title: "Command line",
    code: `abrazo login --endpoint ${origin}\nabrazo push ./folder ${name}${type} --endpoint ${origin}`,
  };
  return [
    ...(repo.type === "space" ? gitUsage(repo, { origin, ssh }) : [own]),
    {
      title: "Python: huggingface_hub",
      code: `from huggingface_hub import HfApi\n\napi = HfApi(endpoint="${origin}", token="hf_…")\napi.upload_folder(folder_path="./folder", repo_id="${name}"${python})`,
    },
  ];
}

/** Named, not imported. */
const TRANSFORMERS_JS = "@huggingface/transformers";

/** What tells each tool where this hub is. */
export function connectUsage(origin: string): UsageSnippet[] {
  return [
    { title: "Abrazo", code: `export ABRAZO_ENDPOINT=${origin}\nabrazo login` },
    { title: "Python and the hf command", code: `export HF_ENDPOINT=${origin}\nhf auth login` },
    {
      title: "transformers.js",
      code: `import { env } from "${TRANSFORMERS_JS}";\n\nenv.remoteHost = "${origin}/";`,
    },
  ];
}
