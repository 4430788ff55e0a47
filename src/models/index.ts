// ARCHITECTURES: one line per file.
import type { Architecture } from "./architecture.ts";
import { distilbert } from "./distilbert.ts";

export const ARCHITECTURES: readonly Architecture[] = [distilbert];
