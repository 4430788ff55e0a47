// The folders of a push, walked: every name and kind checked as for the API, and what is new listed.
// Stores nothing, and asks the database nothing.
import { entryOf, parseTree, type TreeEntry } from "../../src/io/git-objects.ts";
import type { Quarantine } from "../git/cache.ts";
import { LFS_LIMIT, MOST_ENTRIES } from "./commits.ts";
import { checkPath, MOST_BYTES } from "./paths.ts";

/** A file by the folder that it was first seen in. */
interface Place {
  tree: string;
  name: string;
}

/** Names of folders inside folders, from all that are new. */
const MOST_FOLDERS = 1_000_000;

export class PushedTrees {
  /** New folders that commits lead to, and new files in them. */
  readonly trees = new Set<string>();
  readonly blobs = new Map<string, Place>();
  /** What new folders name that did not come along. */
  readonly oldTrees = new Set<string>();
  readonly oldBlobs = new Set<string>();
  readonly problems: string[] = [];
  readonly #quarantine: Quarantine;
  readonly #above = new Map<string, Place>();
  readonly #readmes = new Map<string, string>();
  /** New folders inside new folders, with the bytes of their names; and the longest name in each. */
  readonly #inside = new Map<string, [string, number][]>();
  readonly #longest = new Map<string, number>();
  #folders = 0;

  constructor(quarantine: Quarantine) {
    this.#quarantine = quarantine;
  }

  /** Walks the folders of commits, level by level. */
  async walk(roots: Iterable<string>): Promise<void> {
    const tops = new Set<string>();
    for (const root of roots) {
      if (this.#quarantine.objects.has(root)) tops.add(root);
      else this.oldTrees.add(root);
    }
    let level = [...tops];
    while (level.length > 0) {
      for (const id of level) this.trees.add(id);
      const next = new Set<string>();
      for await (const { id, type, content } of this.#quarantine.read(level)) {
        if (type !== "tree") this.problems.push(`${this.#pathOf(id)} is said to be a folder, and is a ${type}.`);
        else for (const child of this.#folder(id, content, tops.has(id))) next.add(child);
      }
      level = [...next].filter((id) => !this.trees.has(id));
    }
    this.#checkLengths(tops);
  }

  /** The content of README.md at the top, where it is new. */
  readmeOf(root: string): string | undefined {
    return this.#readmes.get(root);
  }

  pathOf(blob: string): string {
    const place = this.blobs.get(blob);
    return place === undefined ? blob : this.#join(place);
  }

  #join({ tree, name }: Place): string {
    const above = this.#pathOf(tree);
    return above === "" ? name : `${above}/${name}`;
  }

  #pathOf(tree: string): string {
    const names: string[] = [];
    for (let at = this.#above.get(tree); at !== undefined; at = this.#above.get(at.tree)) names.push(at.name);
    return names.reverse().join("/");
  }

  /** Checks a folder; gives the new ones in it. */
  #folder(tree: string, content: Uint8Array, isTop: boolean): string[] {
    const raw = parseTree(content);
    const where = this.#pathOf(tree) || "the top folder";
    if (raw.length > MOST_ENTRIES)
      this.problems.push(`${where} has ${raw.length} entries; ${MOST_ENTRIES} are allowed. Split it into folders.`);
    const found: string[] = [];
    let longest = 0;
    for (const item of raw) {
      const entry = entryOf(item);
      if (entry === undefined) this.#refuse(tree, item.mode, item.name);
      else {
        longest = Math.max(longest, Buffer.byteLength(entry.name));
        if (this.#entry(tree, entry)) found.push(entry.id);
        if (isTop && entry.name === "README.md" && this.blobs.has(entry.id)) this.#readmes.set(tree, entry.id);
      }
    }
    this.#longest.set(tree, longest);
    return found;
  }

  #refuse(tree: string, mode: string, name: string | undefined): void {
    const path = this.#join({ tree, name: name ?? "a file" });
    if (name === undefined) this.problems.push(`In ${path}: the name is no UTF-8. Rename it.`);
    else if (mode === "160000")
      this.problems.push(`${path} is a submodule; this hub keeps none. Remove it: git rm --cached "${path}".`);
    else this.problems.push(`${path} has the mode ${mode}; files have 100644 or 100755, links 120000.`);
  }

  /** Checks an entry; true for a new folder that was not seen. */
  #entry(tree: string, { name, kind, id }: TreeEntry): boolean {
    const wrong = wrongName(name);
    if (wrong !== undefined) this.problems.push(`${this.#join({ tree, name: JSON.stringify(name) })}: ${wrong}`);
    const facts = this.#quarantine.objects.get(id);
    if (kind === "file") {
      if (facts === undefined) this.oldBlobs.add(id);
      else if (!this.blobs.has(id)) this.#file({ tree, name }, id, facts.type, facts.size);
      return false;
    }
    if (facts === undefined) {
      this.oldTrees.add(id);
      return false;
    }
    this.#folders++;
    if (this.#folders === MOST_FOLDERS)
      this.problems.push("There are too many folders in one push; push less at once.");
    if (this.#folders < MOST_FOLDERS) this.#note(tree, id, Buffer.byteLength(name));
    if (this.#above.has(id) || this.trees.has(id)) return false;
    this.#above.set(id, { tree, name });
    return this.#folders < MOST_FOLDERS;
  }

  #note(tree: string, child: string, bytes: number): void {
    const inside = this.#inside.get(tree) ?? [];
    this.#inside.set(tree, inside);
    inside.push([child, bytes]);
  }

  #file(place: Place, id: string, type: string, size: number): void {
    this.blobs.set(id, place);
    const path = this.#join(place);
    if (type !== "blob") this.problems.push(`${path} is said to be a file, and is a ${type}.`);
    if (size > LFS_LIMIT) {
      const mib = (size / 1024 ** 2).toFixed(1);
      const command = `git lfs migrate import --include="${path}" --everything`;
      this.problems.push(`${path} has ${mib} MiB; above 10 MiB files are kept by Git LFS. Run: ${command}`);
    }
  }

  /** A folder may lie at several places: the longest path to each counts. */
  #checkLengths(tops: Iterable<string>): void {
    const lengths = new Map<string, number>([...tops].map((id) => [id, 0]));
    const open = [...lengths.keys()];
    for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
      const length = lengths.get(tree) ?? 0;
      if (length + (this.#longest.get(tree) ?? 0) > MOST_BYTES) {
        this.problems.push(`In ${this.#pathOf(tree)}: paths are longer than ${MOST_BYTES} bytes. Shorten their names.`);
        return;
      }
      for (const [child, bytes] of this.#inside.get(tree) ?? []) {
        const there = length + bytes + 1;
        if (there <= (lengths.get(child) ?? -1)) continue;
        lengths.set(child, there);
        open.push(child);
      }
    }
  }
}

function wrongName(name: string): string | undefined {
  try {
    if (checkPath(name).length !== 1) return "a name cannot hold a slash";
    return name.startsWith("./") ? "a name cannot hold a slash" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
