// The classes of tokenizers that are made of a SentencePiece model: T5, ALBERT, XLM-RoBERTa, Llama and their kin.
// Knows no files.
import type { Stage } from "../engine/stage.ts";
import { addedToken, type TokenizerConfig } from "../special-tokens.ts";
import {
  type Around,
  asked,
  FAIRSEQ_TOKENS,
  fixed,
  flag,
  nameOf,
  type SentencePieceRecipe,
  tokens,
  withSpaceBefore,
} from "./recipe.ts";
import type { SentencePieceModel } from "./sentence-piece-model.ts";
import { byteFallbackDecoder, metaspace, replace, type Scheme, SPACE_MARK, sequence, wordsWithMark } from "./stages.ts";
import { addedPieces, idsOf, idsOfPieces, mergesOfPieces } from "./vocabulary.ts";

const FILE = "the SentencePiece model";

type Scored = [piece: string, score: number][];

interface UnigramParts {
  defaults: TokenizerConfig;
  /** The pieces as the class orders them. */
  pieces?: (model: SentencePieceModel, config: TokenizerConfig) => Scored;
  unkId: (pieces: Scored, model: SentencePieceModel, config: TokenizerConfig) => number;
  normalizers?: (config: TokenizerConfig, charsmap: readonly Stage[]) => readonly Stage[];
  words?: (scheme: Scheme, config: TokenizerConfig) => Stage;
  /** Special tokens that the class has beside those with a role. */
  more?: (config: TokenizerConfig) => readonly string[];
  /** How the mark is put before a text where the configuration says that no space is added. */
  without?: Scheme;
  around: Around;
}

const scored = ({ pieces }: SentencePieceModel): Scored => pieces.map(({ piece, score }) => [piece, score]);
const zero = (piece: string): [string, number] => [piece, 0];
const charsmapOf = ({ charsmap }: SentencePieceModel): Stage[] =>
  charsmap === undefined ? [] : [{ type: "Precompiled", precompiled_charsmap: charsmap }];

function unigram(parts: UnigramParts): SentencePieceRecipe {
  const {
    pieces = scored,
    words = wordsWithMark,
    normalizers = (_, charsmap) => charsmap,
    without = "never",
    more = () => [],
  } = parts;
  return {
    from: "sentencePiece",
    defaults: parts.defaults,
    build: (config, model) => {
      const vocab = pieces(model, config);
      const ids = idsOfPieces(vocab);
      const idOf = idsOf(ids, FILE);
      const scheme = flag(config, "add_prefix_space", true) ? "always" : without;
      const steps = normalizers(config, charsmapOf(model));
      return {
        added_tokens: [
          ...addedPieces(model, ids, config),
          ...more(config).map((name) => addedToken(name, idOf(name), true)),
        ],
        normalizer: steps.length === 0 ? null : sequence("normalizers", steps),
        pre_tokenizer: words(scheme, config),
        post_processor: parts.around(config, idOf),
        decoder: metaspace(scheme),
        model: { type: "Unigram", unk_id: parts.unkId(vocab, model, config), vocab },
      };
    },
  };
}

const extraIds = (config: TokenizerConfig): string[] => {
  const count = config["extra_ids"];
  return Array.from({ length: typeof count === "number" ? count : 100 }, (_, at) => `<extra_id_${at}>`);
};

export const t5: SentencePieceRecipe = unigram({
  defaults: tokens({ eos: "</s>", unk: "<unk>", pad: "<pad>" }),
  pieces: (model, config) => [...scored(model), ...extraIds(config).reverse().map(zero)],
  unkId: () => 2,
  more: extraIds,
  around: fixed("$A {eos}", "$A {eos} $B {eos}"),
});

/** Quotes, accents and case, then the model's own map. */
const accentsAndCase =
  (keeps: (config: TokenizerConfig) => boolean, lower: boolean) =>
  (config: TokenizerConfig, charsmap: readonly Stage[]): readonly Stage[] => [
    replace({ String: "``" }, '"'),
    replace({ String: "''" }, '"'),
    ...(keeps(config) ? [] : [{ type: "NFKD" }, { type: "StripAccents" }]),
    ...(flag(config, "do_lower_case", lower) ? [{ type: "Lowercase" }] : []),
    ...charsmap,
  ];

export const albert = unigram({
  defaults: tokens({
    ...{ bos: "[CLS]", eos: "[SEP]", sep: "[SEP]", cls: "[CLS]" },
    ...{ unk: "<unk>", pad: "<pad>", mask: "[MASK]" },
  }),
  unkId: () => 1,
  normalizers: accentsAndCase((config) => flag(config, "keep_accents", false), true),
  around: fixed("{cls} $A {sep}", "{cls} $A {sep} $B:1 {sep}:1"),
});

export const xlnet = unigram({
  defaults: {
    ...tokens({ bos: "<s>", eos: "</s>", sep: "<sep>", cls: "<cls>", unk: "<unk>", pad: "<pad>" }),
    mask_token: withSpaceBefore("<mask>"),
    padding_side: "left",
  },
  unkId: (_, { unkId }) => unkId,
  normalizers: accentsAndCase(() => false, false),
  around: fixed("$A {sep} {cls}:2", "$A {sep} $B:1 {sep}:1 {cls}:2"),
});

const FAIRSEQ_PAIR = fixed("{bos} $A {eos}", "{bos} $A {eos} {eos} $B {eos}");

// The first pieces stand in another order than in the model, and the mask at the end.
export const xlmRoberta = unigram({
  defaults: FAIRSEQ_TOKENS,
  pieces: (model, config) => [
    ...(["bos", "pad", "eos", "unk"] as const).map((role) => zero(nameOf(config, role))),
    ...scored(model).slice(3),
    zero(nameOf(config, "mask")),
  ],
  unkId: () => 3,
  around: FAIRSEQ_PAIR,
});

export const camembert = unigram({
  defaults: { ...FAIRSEQ_TOKENS, mask_token: withSpaceBefore("<mask>") },
  pieces: (model, config) => [
    zero("<s>NOTUSED"),
    zero(nameOf(config, "pad")),
    zero("</s>NOTUSED"),
    zero(nameOf(config, "unk")),
    ["<unk>NOTUSED", -100],
    ...scored(model).slice(1),
    zero(nameOf(config, "mask")),
  ],
  unkId: (pieces, _, config) => pieces.findIndex(([piece]) => piece === nameOf(config, "unk")),
  around: FAIRSEQ_PAIR,
});

export const debertaV2 = unigram({
  defaults: tokens({
    ...{ bos: "[CLS]", eos: "[SEP]", sep: "[SEP]", cls: "[CLS]" },
    ...{ unk: "[UNK]", pad: "[PAD]", mask: "[MASK]" },
  }),
  unkId: (pieces, { unkId }, config) => {
    const at = pieces.findIndex(([piece, score]) => piece === nameOf(config, "unk") && score === 0);
    return at < 0 ? unkId : at;
  },
  normalizers: (config) => [
    ...(flag(config, "do_lower_case", false) ? [{ type: "Lowercase" }] : []),
    replace({ Regex: "\\s{2,}|[\\n\\r\\t]" }, " "),
    { type: "NFC" },
    { type: "Strip", strip_left: false, strip_right: true },
  ],
  words: (scheme, config) =>
    sequence("pretokenizers", [
      ...(flag(config, "split_by_punct", false) ? [{ type: "Punctuation", behavior: "Isolated" }] : []),
      metaspace(scheme),
    ]),
  without: "first",
  around: fixed("{cls} $A {sep}", "{cls} $A {sep} $B:1 {sep}:1"),
});

/** Model, added tokens and template of a BPE model. Without an unknown token, bytes stand for what is unknown. */
function bpeOf(config: TokenizerConfig, model: SentencePieceModel, byteFallback: boolean, unknown?: string): object {
  const ids = idsOfPieces(scored(model));
  return {
    added_tokens: addedPieces(model, ids, config),
    post_processor: asked(config, idsOf(ids, FILE)),
    model: {
      type: "BPE",
      unk_token: unknown ?? null,
      fuse_unk: true,
      byte_fallback: byteFallback,
      vocab: Object.fromEntries(ids),
      merges: mergesOfPieces(ids),
    },
  };
}

/** Which way a space is put before a text; the first way of doing it was wrong after special tokens, and is still asked for. */
const llamaScheme = (config: TokenizerConfig): Scheme =>
  flag(config, "add_prefix_space", true) ? (flag(config, "legacy", false) ? "always" : "first") : "never";

export const llama: SentencePieceRecipe = {
  from: "sentencePiece",
  byModelType: { add_bos_token: true },
  defaults: { ...tokens({ unk: "<unk>", bos: "<s>", eos: "</s>" }), padding_side: "left" },
  build: (config, model) => ({
    ...bpeOf(config, model, true),
    pre_tokenizer: metaspace(llamaScheme(config), false),
    decoder: byteFallbackDecoder(flag(config, "add_prefix_space", true)),
  }),
};

export const gemma: SentencePieceRecipe = {
  from: "sentencePiece",
  byModelType: { add_bos_token: true },
  defaults: {
    ...tokens({ unk: "<unk>", bos: "<bos>", eos: "<eos>", pad: "<pad>", mask: "<mask>" }),
    padding_side: "left",
  },
  build: (config, model) => ({
    ...bpeOf(config, model, true, nameOf(config, "unk")),
    normalizer: replace({ String: " " }, SPACE_MARK),
    pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
    decoder: byteFallbackDecoder(false),
  }),
};

/** A model of no class that is known: as the file itself says. */
export const anySentencePiece: SentencePieceRecipe = {
  from: "sentencePiece",
  defaults: tokens({ unk: "<unk>", bos: "<s>", eos: "</s>" }),
  build: (config, model) => {
    const vocab = scored(model);
    const around = asked(config, idsOf(idsOfPieces(vocab), FILE));
    const unigramModel = { type: "Unigram", unk_id: model.unkId, vocab, byte_fallback: model.byteFallback };
    return {
      ...(model.modelType === "bpe"
        ? bpeOf(config, model, model.byteFallback, model.unkPiece)
        : {
            added_tokens: addedPieces(model, idsOfPieces(vocab), config),
            post_processor: around,
            model: unigramModel,
          }),
      normalizer: sequence("normalizers", [...charsmapOf(model), replace({ String: " " }, SPACE_MARK)]),
      decoder: model.byteFallback
        ? byteFallbackDecoder(false)
        : sequence("decoders", [replace({ String: SPACE_MARK }, " ")]),
    };
  },
};
