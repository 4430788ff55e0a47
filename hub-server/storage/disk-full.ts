// A disk that has no room left, as an error that says so. Every other error stays what it is.
import { ServiceError } from "../errors.ts";

/** No room on the device, none within the quota, none for a file of that size. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

export function asStorageError(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string" && FULL.has(error.code)))
    return error;
  return diskFull();
}

export const diskFull = (): ServiceError =>
  new ServiceError(507, "The hub has no room left for this upload.", {
    code: "DISK_FULL",
    hint: "Nothing was stored. Whoever runs the hub has to make room; then send the file again.",
  });
