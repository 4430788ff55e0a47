// ARCHITECTURES: one line per model type.
import { albert } from "./albert.ts";
import type { Architecture } from "./architecture.ts";
import { bert } from "./bert.ts";
import { distilbert } from "./distilbert.ts";
import { gpt2 } from "./gpt2.ts";
import { camembert, roberta, xlmRoberta } from "./roberta.ts";

export const ARCHITECTURES: readonly Architecture[] = [albert, bert, camembert, distilbert, gpt2, roberta, xlmRoberta];
