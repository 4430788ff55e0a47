// What a fine-tune costs in the store, as a part of the model that it was made of: a model goes up by Xet, then the same with 5 % of
// its bytes changed, in one piece (a head, a layer) or in many: by the client that sent the model; by one elsewhere of the same user, whose
// caches are empty; and by one of another user, who has downloaded the model. Each time into a new repository.
// npx tsx bench/main.ts hub-dedup [MiB]: needs the Python clients' environment for hf_xet; abrazo's own client goes beside it.
import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageFile } from "../src/package-root.ts";
import { COMMAND, startBenchHub } from "./hub-servers.ts";

const CHANGED = 0.05;
const GOAL = 0.1;
const NAME = "model.safetensors";
const PYTHON = packageFile(".cache", "python-clients", "bin", "python");
const UPLOAD = `
import sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo(sys.argv[2], exist_ok=True)
api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo="${NAME}", repo_id=sys.argv[2])`;
const DOWNLOAD = `
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[1], "${NAME}")`;

/** Pieces that change, as parts of the file: where each begins, and how long it is. */
const CHANGES: Readonly<Record<string, readonly (readonly [from: number, length: number])[]>> = {
  "the beginning": [[0, CHANGED]],
  "the middle": [[0.5, CHANGED]],
  "the end": [[1 - CHANGED, CHANGED]],
  "20 pieces": pieces(20),
  "100 pieces": pieces(100),
};

function pieces(count: number): (readonly [number, number])[] {
  return Array.from({ length: count }, (_, index) => [(index + 0.5) / count, CHANGED / count] as const);
}

/** Who sends: a folder with what the client keeps, and an account. */
interface Sender {
  url: string;
  token: string;
  home: string;
}

interface Client {
  send(sender: Sender, file: string, repo: string): void;
  download(sender: Sender, repo: string): void;
}

function run(program: string, args: readonly string[], { url, token, home }: Sender): void {
  const env = { ...process.env, HOME: home, HF_HOME: join(home, "hf"), HF_ENDPOINT: url, HF_TOKEN: token };
  execFileSync(program, args, { env, stdio: "pipe", maxBuffer: 2 ** 26 });
}

const CLIENTS: Readonly<Record<string, Client>> = {
  hf_xet: {
    send: (sender, file, repo) => run(PYTHON, ["-c", UPLOAD, file, repo], sender),
    download: (sender, repo) => run(PYTHON, ["-c", DOWNLOAD, repo], sender),
  },
  abrazo: {
    send: (sender, file, repo) => run(process.execPath, [...COMMAND, "push", file, repo, NAME, "--no-card"], sender),
    download: (sender, repo) => run(process.execPath, [...COMMAND, "pull", repo], sender),
  },
};

/** A safetensors file of one tensor, whose bytes are to be filled in. */
function emptyModel(bytes: number): { file: Buffer; weights: Buffer } {
  const header = JSON.stringify({ weights: { dtype: "U8", shape: [bytes], data_offsets: [0, bytes] } });
  const head = Buffer.alloc(8 + header.length);
  head.writeBigUInt64LE(BigInt(header.length));
  head.write(header, 8);
  const file = Buffer.concat([head, Buffer.alloc(bytes)]);
  return { file, weights: file.subarray(head.length) };
}

/** Bytes of all files below a folder. */
function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.reduce((sum, path) => sum + statSync(path).size, 0);
}

export async function main([size = "512"]: readonly string[]): Promise<void> {
  const model = emptyModel(Number(size) * 2 ** 20);
  const tuned = emptyModel(Number(size) * 2 ** 20);
  const folder = mkdtempSync(join(tmpdir(), "abrazo-bench-dedup-"));
  const hub = await startBenchHub(folder, undefined, ["ana", "ben"]);
  const [ana = "", ben = ""] = hub.tokens;
  const stored = () => sizeOf(join(folder, "hub", "blobs"));
  const sender = (token: string): Sender => ({ url: hub.url, token, home: mkdtempSync(join(folder, "home-")) });
  const file = join(folder, NAME);
  try {
    for (const [name, client] of Object.entries(CLIENTS)) {
      if (name === "hf_xet" && !existsSync(PYTHON)) {
        console.log("hf_xet: not measured, the Python clients are not installed");
        continue;
      }
      randomFillSync(model.weights);
      writeFileSync(file, model.file);
      const author = sender(ana);
      const reader = sender(ben);
      const before = stored();
      client.send(author, file, `ana/${name}`);
      const whole = stored() - before;
      client.download(reader, `ana/${name}`);
      const senders = { "its author": author, "its author elsewhere": sender(ana), "a reader of it": reader };
      for (const [what, changes] of Object.entries(CHANGES)) {
        const parts: string[] = [];
        for (const [who, by] of Object.entries(senders)) {
          model.weights.copy(tuned.weights);
          for (const [from, length] of changes)
            randomFillSync(
              tuned.weights,
              Math.floor(from * tuned.weights.length),
              Math.floor(length * tuned.weights.length),
            );
          writeFileSync(file, tuned.file);
          const already = stored();
          const owner = by === reader ? "ben" : "ana";
          client.send(by, file, `${owner}/${name}-${what} ${who}`.replaceAll(" ", "-"));
          parts.push(`by ${who} ${((100 * (stored() - already)) / whole).toFixed(1)} %`);
        }
        console.log(`${name}, 5 % changed in ${what}: ${parts.join(", ")} more (goal ${100 * GOAL} %)`);
      }
    }
  } finally {
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
