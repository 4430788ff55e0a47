// The folders of a push, walked: every name and kind checked as for the API, and what is new listed.
// Stores nothing, and asks the database nothing.
import { entryOf, parseTree, type TreeEntry } from "../../src/io/git-objects.ts";
import type { Quarantine } from "../git/cache.ts";
import { LFS_LIMIT, MOST_ENTRIES } from "./commits.ts";
import { checkNewPath, MOST_BYTES } from "./paths.ts";

/** A file by the folder that it was first seen in. */
interface Place {
  tree: string;
  name: string;
}

/** Names of folders inside folders, from all that are new. */
const MOST_FOLDERS = 1_000_000;
/** Folders that may lie in each other: with names of one letter a path would be too long. */
const MOST_LEVELS = MOST_BYTES / 2;
/** Problems that are put into words; whoever pushes sees the first of them. */
const MOST_PROBLEMS = 1000;

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
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > MOST_LEVELS) {
        this.#problem(() => `Folders lie in each other more than ${MOST_LEVELS} deep. Move them up.`);
        return;
      }
      for (const id of level) this.trees.add(id);
      const next = new Set<string>();
      for await (const { id, type, content } of this.#quarantine.read(level)) {
        if (type !== "tree") this.#problem(() => `${this.#pathOf(id)} is said to be a folder, and is a ${type}.`);
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

  /** The words are made when they are told: a path costs as much as it is deep. */
  #problem(words: () => string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(words());
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
    if (raw.length > MOST_ENTRIES)
      this.#problem(
        () =>
          `${this.#pathOf(tree) || "the top folder"} has ${raw.length} entries; ${MOST_ENTRIES} are allowed. Split it into folders.`,
      );
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
    this.#problem(() => {
      const path = this.#join({ tree, name: name ?? "a file" });
      if (name === undefined) return `In ${path}: the name is no UTF-8. Rename it.`;
      if (mode === "160000")
        return `${path} is a submodule; this hub keeps none. Remove it: git rm --cached "${path}".`;
      return `${path} has the mode ${mode}; files have 100644 or 100755, links 120000.`;
    });
  }

  /** Checks an entry; true for a new folder that was not seen. */
  #entry(tree: string, { name, kind, id }: TreeEntry): boolean {
    const wrong = wrongName(name);
    if (wrong !== undefined) this.#problem(() => `${this.#join({ tree, name: JSON.stringify(name) })}: ${wrong}`);
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
      this.#problem(() => "There are too many folders in one push; push less at once.");
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
    if (type !== "blob") this.#problem(() => `${this.#join(place)} is said to be a file, and is a ${type}.`);
    if (size <= LFS_LIMIT) return;
    this.#problem(() => {
      const [path, mib] = [this.#join(place), (size / 1024 ** 2).toFixed(1)];
      const command = `git lfs migrate import --include="${path}" --everything`;
      return `${path} has ${mib} MiB; above 10 MiB files are kept by Git LFS. Run: ${command}`;
    });
  }

  /** A folder may lie at several places, and is looked at once: what counts of it is the longest path inside. */
  #checkLengths(tops: Iterable<string>): void {
    const inside = new Map<string, number>();
    for (const top of tops) {
      const open = [{ tree: top, next: 0 }];
      for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
        const [child] = this.#inside.get(folder.tree)?.[folder.next++] ?? [];
        if (child === undefined) {
          inside.set(folder.tree, this.#longestIn(folder.tree, inside));
          open.pop();
        } else if (!inside.has(child)) open.push({ tree: child, next: 0 });
      }
      if ((inside.get(top) ?? 0) <= MOST_BYTES) continue;
      const where = this.#endOfLongest(top, inside);
      this.#problem(() => `In ${where}: paths are longer than ${MOST_BYTES} bytes. Shorten their names.`);
      return;
    }
  }

  /** Bytes of the longest path in a folder, from what is known of the folders in it. */
  #longestIn(tree: string, inside: ReadonlyMap<string, number>): number {
    let longest = this.#longest.get(tree) ?? 0;
    for (const [child, bytes] of this.#inside.get(tree) ?? [])
      longest = Math.max(longest, bytes + 1 + (inside.get(child) ?? 0));
    return longest;
  }

  /** The folder in which the longest path ends. */
  #endOfLongest(top: string, inside: ReadonlyMap<string, number>): string {
    let tree = top;
    for (let next: string | undefined = top; next !== undefined; ) {
      tree = next;
      const length = inside.get(tree);
      next = this.#inside.get(tree)?.find(([child, bytes]) => bytes + 1 + (inside.get(child) ?? 0) === length)?.[0];
    }
    return this.#pathOf(tree) || "the top folder";
  }
}

function wrongName(name: string): string | undefined {
  try {
    if (checkNewPath(name).length !== 1) return "a name cannot hold a slash";
    return name.startsWith("./") ? "a name cannot hold a slash" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
