// The normalizers of tokenizer.json, each with the places of what it changes.
// A table by `type`; knows no pre-tokenizers and no vocabulary.
import { z } from "zod";
import {
  type Aligned,
  eachMatch,
  found,
  prepend,
  Rewrite,
  removeMatches,
  replaceChar,
  replaceMatches,
} from "./aligned.ts";
import { encodeBytes } from "./byte-level.ts";
import { patternOf, patternSchema } from "./pattern.ts";
import { precompiled } from "./precompiled.ts";
import { makerOf, type Stage, stageSchema } from "./stage.ts";
import { CJK, DROPPED, MARK, NMT_DROPPED, NMT_SPACES, NONSPACING, SPACE } from "./unicode-sets.ts";

export type Normalizer = (text: Aligned) => Aligned;

const ASCII = /^[\x20-\x7e]*$/;
const SPACES = new RegExp(SPACE, "gu");
const DROP = new RegExp(DROPPED, "gu");
const CHINESE = new RegExp(CJK, "gu");
const ACCENTS = new RegExp(NONSPACING, "gu");
const MARKS = new RegExp(MARK, "gu");
const LEADING = new RegExp(`^${SPACE}+`, "u");

const bertSchema = z.object({
  clean_text: z.boolean().default(true),
  handle_chinese_chars: z.boolean().default(true),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean().default(true),
});
const stripSchema = z.object({ strip_left: z.boolean().default(true), strip_right: z.boolean().default(true) });
const replaceSchema = z.object({ pattern: patternSchema, content: z.string() });

const NORMALIZERS: Readonly<Record<string, (stage: Stage) => Normalizer>> = {
  BertNormalizer: bert,
  NFC: () => unicodeForm("NFC"),
  NFD: () => unicodeForm("NFD"),
  NFKC: () => unicodeForm("NFKC"),
  NFKD: () => unicodeForm("NFKD"),
  Lowercase: () => lowercase,
  StripAccents: () => (text) => removeMatches(text, MARKS),
  Strip: strip,
  Replace: (stage) => {
    const { pattern, content } = stageSchema(replaceSchema, stage);
    if ("String" in pattern && pattern.String.length === 1 && content.length === 1) {
      return (text) => replaceChar(text, pattern.String, content);
    }
    const regex = patternOf(pattern);
    return (text) => replaceMatches(text, regex, content);
  },
  Prepend: (stage) => {
    const head = stageSchema(z.object({ prepend: z.string() }), stage).prepend;
    return (text) => prepend(text, head);
  },
  Precompiled: (stage) =>
    precompiled(stageSchema(z.object({ precompiled_charsmap: z.string() }), stage).precompiled_charsmap),
  ByteLevel: () => encodeBytes,
  Nmt: () => nmt,
  Sequence: (stage) => {
    const all = stageSchema(z.object({ normalizers: z.array(z.looseObject({ type: z.string() })) }), stage).normalizers;
    const each = all.map(normalizerOf);
    return (text) => each.reduce((changed, normalize) => normalize(changed), text);
  },
};

/** The normalizer that a stage of tokenizer.json describes. */
export function normalizerOf(stage: Stage): Normalizer {
  return makerOf("normalizer", NORMALIZERS, stage)(stage);
}

function bert(stage: Stage): Normalizer {
  const options = stageSchema(bertSchema, stage);
  const steps: Normalizer[] = [];
  if (options.clean_text) {
    steps.push((text) => {
      const kept = removeMatches(text, DROP);
      return kept.withText(kept.text.replace(SPACES, " "));
    });
  }
  if (options.handle_chinese_chars) steps.push(spaceOut);
  if (options.strip_accents ?? options.lowercase) {
    const decompose = unicodeForm("NFD");
    steps.push((text) => removeMatches(decompose(text), ACCENTS));
  }
  if (options.lowercase) steps.push(lowercase);
  return (text) => {
    if (ASCII.test(text.text)) return options.lowercase ? lowercase(text) : text;
    return steps.reduce((changed, step) => step(changed), text);
  };
}

function spaceOut(text: Aligned): Aligned {
  if (!found(text.text, CHINESE)) return text;
  const rewrite = new Rewrite(text);
  eachMatch(text.text, CHINESE, (start, end) => {
    rewrite.copyTo(start);
    rewrite.emit(" ", 0);
    rewrite.emit(text.text.slice(start, end), 1);
    rewrite.emit(" ", 1);
  });
  return rewrite.finish();
}

/** Lower case, each character by itself: a sigma at the end of a word stays an ordinary one. */
function lowercase(text: Aligned): Aligned {
  const lower = text.text.replaceAll("Σ", "σ").toLowerCase();
  if (lower.length === text.text.length) return text.withText(lower);
  const rewrite = new Rewrite(text);
  for (const char of text.text) {
    for (const [index, part] of [...char.toLowerCase()].entries()) rewrite.emit(part, index === 0 ? 0 : 1);
  }
  return rewrite.finish();
}

function strip(stage: Stage): Normalizer {
  const options = stageSchema(stripSchema, stage);
  return (text) => {
    const from = options.strip_left ? (LEADING.exec(text.text)?.[0].length ?? 0) : 0;
    let end = text.text.length;
    // White space is one unit a character; a pattern anchored at the end alone would be tried at every place.
    if (options.strip_right) while (end > from && found(text.text.charAt(end - 1), SPACES)) end--;
    return text.slice(from, end);
  };
}

const NMT_DROP = new RegExp(NMT_DROPPED, "gu");
const NMT_SPACE = new RegExp(NMT_SPACES, "gu");

function nmt(text: Aligned): Aligned {
  const kept = removeMatches(text, NMT_DROP);
  return kept.withText(kept.text.replace(NMT_SPACE, " "));
}

type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

function unicodeForm(form: Form): Normalizer {
  return (text) => {
    if (text.text.normalize(form) === text.text) return text;
    const rewrite = new Rewrite(text);
    for (let start = 0; start < text.text.length; ) {
      if (standsAlone(text.text, start)) {
        start++;
        continue;
      }
      const end = runEnd(text.text, start);
      const run = text.text.slice(start, end);
      const normal = run.normalize(form);
      if (normal !== run) {
        rewrite.copyTo(start);
        for (const [char, change] of changesOf(run, normal, form)) rewrite.emit(char, change);
        rewrite.skipTo(end);
      }
      start = end;
    }
    return rewrite.finish();
  };
}

/** Whether a character of ASCII begins here, which no mark follows: it stays, and joins nothing. */
function standsAlone(text: string, at: number): boolean {
  return text.charCodeAt(at) < 0x80 && !(text.charCodeAt(at + 1) >= 0x80);
}

function runEnd(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && !standsAlone(text, end)) end++;
  return end;
}

/**
 * What each character of the normal form replaced. Decomposing gives the first part of a character 0 and the others 1, and
 * marks keep that when they are put in order; joining adds them up and counts one less for each that was joined.
 */
function changesOf(run: string, normal: string, form: Form): [string, number][] {
  const waiting = new Map<string, number[]>();
  for (const char of run) {
    for (const [index, part] of [...char.normalize(form.startsWith("NFK") ? "NFKD" : "NFD")].entries()) {
      const queue = waiting.get(part);
      if (queue === undefined) waiting.set(part, [index === 0 ? 0 : 1]);
      else queue.push(index === 0 ? 0 : 1);
    }
  }
  // Equal characters keep their order, so that the next of each is the right one.
  const heads = new Map<string, number>();
  const next = (char: string) => {
    const at = heads.get(char) ?? 0;
    heads.set(char, at + 1);
    return waiting.get(char)?.[at] ?? 0;
  };
  const composes = form === "NFC" || form === "NFKC";
  return Array.from(normal, (char): [string, number] => {
    if (!composes) return [char, next(char)];
    const parts = [...char.normalize("NFD")];
    return [char, parts.reduce((sum, part) => sum + next(part), 1 - parts.length)];
  });
}
