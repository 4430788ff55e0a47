// How git's processes fail, and what is told of it. Starts none.
import { ServiceError } from "../errors.ts";

/** Said by git of a repository that is no longer whole. */
export const DAMAGED =
  /corrupt|unable to read|cannot be accessed|missing (blob|tree|commit)|inflate|bad (object|tree)|does not match/i;

export class GitFailed extends Error {
  readonly said: string;
  /** It was ended from outside, and is not to blame its input. */
  readonly killed: boolean;
  constructor(command: string, code: number | null, said: string) {
    super(`git ${command} ended with ${code}: ${said}`);
    this.said = said;
    this.killed = code === null;
  }
}

export const firstError = ({ said }: GitFailed): string =>
  /^(?:error|fatal): (.*)$/m.exec(said)?.[1] ?? "it is no request";

export const refused = (error: GitFailed): ServiceError =>
  new ServiceError(400, `git refuses the request: ${firstError(error)}.`, { code: "GIT_REFUSED" });
