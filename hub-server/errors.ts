// Errors of the services, with the status and the code that Hugging Face's clients look for.
import { AbrazoError } from "../src/errors.ts";

export class ServiceError extends AbrazoError {
  readonly status: number;
  /** Value of X-Error-Code, when clients know one for the case. */
  readonly wireCode: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    options: {
      code?: string;
      wireCode?: string;
      hint?: string;
      headers?: Record<string, string>;
      data?: Record<string, unknown>;
    } = {},
  ) {
    super({
      code: options.code ?? options.wireCode ?? `HTTP_${status}`,
      message,
      hint: options.hint,
      data: options.data,
    });
    this.status = status;
    this.wireCode = options.wireCode;
    this.headers = options.headers ?? {};
  }
}

/** Missing and hidden repositories look the same. */
export const repoNotFound = () => new ServiceError(404, "Repository not found", { wireCode: "RepoNotFound" });
export const revisionNotFound = (revision: string) =>
  new ServiceError(404, `Invalid rev id: ${revision}`, { wireCode: "RevisionNotFound", data: { revision } });
export const entryNotFound = (path: string, commit?: string) =>
  new ServiceError(404, `Entry not found: ${path}`, {
    wireCode: "EntryNotFound",
    data: { path },
    headers: commit === undefined ? {} : { "X-Repo-Commit": commit },
  });
export const unauthorized = () => new ServiceError(401, "Invalid username or password.", { code: "UNAUTHORIZED" });
/** The challenge that git answers with the user's credentials. */
export const credentialsWanted = () =>
  new ServiceError(401, "Log in to use this repository.", {
    code: "UNAUTHORIZED",
    headers: { "WWW-Authenticate": 'Basic realm="Abrazo"', "LFS-Authenticate": 'Basic realm="Abrazo"' },
  });
export const forbidden = (what: string) => new ServiceError(403, what, { code: "FORBIDDEN" });
export const badRequest = (message: string, hint?: string) =>
  new ServiceError(400, message, hint === undefined ? { code: "BAD_REQUEST" } : { code: "BAD_REQUEST", hint });
