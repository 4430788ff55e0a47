// ARCHITECTURES: one line per model type.
import { albert } from "./albert.ts";
import type { Architecture } from "./architecture.ts";
import { bert } from "./bert.ts";
import { clip } from "./clip.ts";
import { clipText } from "./clip-text.ts";
import { clipVision } from "./clip-vision.ts";
import { distilbert } from "./distilbert.ts";
import { gpt2 } from "./gpt2.ts";
import { llama, mistral, qwen2, qwen3 } from "./llama.ts";
import { camembert, roberta, xlmRoberta } from "./roberta.ts";
import { mt5, t5 } from "./t5.ts";
import { vit } from "./vit.ts";

export const ARCHITECTURES: readonly Architecture[] = [
  albert,
  bert,
  camembert,
  clip,
  clipText,
  clipVision,
  distilbert,
  gpt2,
  mt5,
  llama,
  mistral,
  qwen2,
  qwen3,
  roberta,
  t5,
  vit,
  xlmRoberta,
];
