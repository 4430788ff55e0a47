// What git and git-lfs ask a server to run, and nothing else: "git-upload-pack 'ana/model.git'". Runs nothing.
import { parseRepoId, plural, REPO_TYPES, type RepoId } from "../../src/hub/repo-id.ts";
import { ServiceError } from "../errors.ts";

export type SshCommand =
  | { kind: "git-upload-pack" | "git-receive-pack"; id: RepoId }
  | { kind: "git-lfs-authenticate"; id: RepoId; operation: "upload" | "download" };

const unknown = (message: string): ServiceError =>
  new ServiceError(400, message, { code: "SSH_COMMAND", hint: "Over SSH this hub speaks git and git-lfs alone." });

/**
 * Reads a command line as git writes it: words in single quotes, where '\'' is a quote.
 *
 * @throws ServiceError 400 for any other
 */
export function parseCommand(line: string): SshCommand {
  const words = wordsOf(line);
  const [first = "", second = ""] = words;
  // git writes both.
  const [kind, path, ...more] = first === "git" ? [`git-${second}`, ...words.slice(2)] : words;
  if (kind === "git-upload-pack" || kind === "git-receive-pack") {
    if (path === undefined || more.length > 0) throw unknown(`${kind} takes the path of a repository.`);
    return { kind, id: repoAt(path) };
  }
  if (kind === "git-lfs-authenticate") {
    const [operation] = more;
    if (path === undefined || (operation !== "upload" && operation !== "download"))
      throw unknown("git-lfs-authenticate takes the path of a repository, and upload or download.");
    return { kind, id: repoAt(path), operation };
  }
  throw unknown(`"${(kind ?? "").slice(0, 80)}" cannot be run here.`);
}

function wordsOf(line: string): string[] {
  const words: string[] = [];
  const word = /\s*((?:'[^']*'|"[^"\\]*"|\\.|[^\s'"\\])+)\s*/y;
  while (word.lastIndex < line.length) {
    const [, found] = word.exec(line) ?? [];
    if (found === undefined) throw unknown("The command line cannot be read.");
    words.push(
      found.replace(/'([^']*)'|"([^"\\]*)"|\\(.)/g, (_, single, double, escaped) => single ?? double ?? escaped),
    );
  }
  return words;
}

/** "/ana/model.git", "datasets/ana/reviews": as in the addresses of pages. */
function repoAt(path: string): RepoId {
  const bare = path
    .replace(/^\/+/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  const [first = "", ...rest] = bare.split("/");
  const type = REPO_TYPES.find((each) => each !== "model" && plural(each) === first);
  return type === undefined ? parseRepoId(bare) : parseRepoId(rest.join("/"), type);
}
