// ARCHITECTURES: one line per file.
import type { Architecture } from "./architecture.ts";
import { bert } from "./bert.ts";
import { distilbert } from "./distilbert.ts";
import { gpt2 } from "./gpt2.ts";

export const ARCHITECTURES: readonly Architecture[] = [bert, distilbert, gpt2];
