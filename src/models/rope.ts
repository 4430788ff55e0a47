// Rotary positions (Su et al. 2021, arXiv 2104.09864): a config's frequencies, the angles of places, and the rotation of states.
// Knows no model: old and new spellings of config.json are read here, each kind of scaling is one row of a table.
import { z } from "zod";
import { AbrazoError, suggestion } from "../errors.ts";
import * as build from "../graph/build.ts";
import { parseValue } from "../io/json.ts";
import { buffer, Module } from "../nn/index.ts";
import { Tensor, tensor, where } from "../tensor/index.ts";

const DEFAULT_THETA = 10_000;

const isGroup = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const parametersSchema = z
  .looseObject({
    rope_type: z.string().nullish(),
    /** The name of rope_type in old files. */
    type: z.string().nullish(),
    rope_theta: z.number().positive().nullish(),
    partial_rotary_factor: z.literal(1, "only whole heads are rotated here").nullish(),
  })
  .refine((given) => !Object.values(given).some(isGroup), "one set for all layers is supported, not one a layer type");

/** The fields of a config that say how places are written, as they may be in config.json: the last two in old files. */
export const ropeFields = {
  max_position_embeddings: z.number().int().positive(),
  original_max_position_embeddings: z.number().int().positive().nullish(),
  rope_parameters: parametersSchema.nullish(),
  rope_scaling: parametersSchema.nullish(),
  rope_theta: z.number().positive().nullish(),
};

const fieldsSchema = z.looseObject(ropeFields);
type RopeFields = z.infer<typeof fieldsSchema>;

/** What all kinds of scaling start from. */
interface Setting {
  theta: number;
  /** Width of a head. */
  width: number;
  /** Places that the model is said to take. */
  longest: number;
  /** Places that it was trained on. */
  original: number;
}

/** Frequencies of the pairs of a head [d / 2], in radians a place. */
interface Frequencies {
  inverse: readonly number[];
  /** In place of `inverse` in texts of more than `original` places. */
  long?: readonly number[];
  /** In texts of L > `longest` places they are θ' to these powers, θ' = theta (factor L / longest - (factor - 1)) ^ power. */
  stretch?: { theta: number; factor: number; longest: number; power: number; powers: readonly number[] };
  /** What cosines and sines are multiplied by. */
  scale: number;
  original: number;
}

// transformers computes in float32, and far places show every rounding: each step is rounded as there.
const f = Math.fround;
const pairs = <Value>(width: number, of: (pair: number) => Value): Value[] =>
  Array.from({ length: width / 2 }, (_, pair) => of(pair));
const share = (pair: number, width: number): number => f((2 * pair) / width);
const placesPerRadian = ({ theta, width }: Setting, pair: number): number => f(theta ** share(pair, width));
const plain = (setting: Setting): number[] => pairs(setting.width, (pair) => f(1 / placesPerRadian(setting, pair)));

interface Kind {
  /** Fields of the kind, checked. */
  fields: z.ZodType;
  frequencies(setting: Setting, given: unknown): Omit<Frequencies, "original">;
}

function kind<Schema extends z.ZodType>(
  fields: Schema,
  frequencies: (setting: Setting, given: z.infer<Schema>) => Omit<Frequencies, "original">,
): Kind {
  // safe because frequenciesOf() checks what is given against the fields of the same row
  return { fields, frequencies: (setting, given) => frequencies(setting, given as z.infer<Schema>) };
}

const factor = z.number().positive();
const scaled = z.looseObject({ factor });

const llama3Fields = scaled.extend({ low_freq_factor: z.number().positive(), high_freq_factor: z.number().positive() });

const yarnFields = z.looseObject({
  factor: factor.nullish(),
  attention_factor: z.number().positive().nullish(),
  beta_fast: z.number().nullish(),
  beta_slow: z.number().nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().default(true),
});

const longFields = z.looseObject({
  factor: factor.nullish(),
  attention_factor: z.number().positive().nullish(),
  short_factor: z.array(z.number().positive()),
  long_factor: z.array(z.number().positive()),
});

const KINDS: Readonly<Record<string, Kind>> = {
  default: kind(z.looseObject({}), (setting) => ({ inverse: plain(setting), scale: 1 })),
  linear: kind(scaled, (setting, given) => ({
    inverse: plain(setting).map((value) => f(value / given.factor)),
    scale: 1,
  })),
  // bloc97's NTK-aware scaling, with as much of it as the text is too long.
  dynamic: kind(scaled, (setting, given) => ({
    inverse: plain(setting),
    stretch: {
      theta: setting.theta,
      factor: given.factor,
      longest: setting.longest,
      power: setting.width / (setting.width - 2),
      powers: pairs(setting.width, (pair) => share(pair, setting.width)),
    },
    scale: 1,
  })),
  llama3: kind(llama3Fields, llama3),
  yarn: kind(yarnFields, yarn),
  longrope: kind(longFields, longrope),
};

/** Llama 3.1: slow pairs turn slower by the factor, fast ones as before, those between by a share of both. */
function llama3(setting: Setting, given: z.infer<typeof llama3Fields>): Omit<Frequencies, "original"> {
  const { factor, low_freq_factor: low, high_freq_factor: high } = given;
  const inverse = plain(setting).map((value) => {
    const wave = f(f(2 * Math.PI) / value);
    if (wave < setting.original / high) return value;
    if (wave > setting.original / low) return f(value / factor);
    const smooth = f(f(f(setting.original / wave) - low) / (high - low));
    return f(f(f(f(1 - smooth) * value) / factor) + f(smooth * value));
  });
  return { inverse, scale: 1 };
}

/** YaRN (Peng et al. 2023, arXiv 2309.00071). */
function yarn(setting: Setting, given: z.infer<typeof yarnFields>): Omit<Frequencies, "original"> {
  const { theta, width, longest, original } = setting;
  const factor = given.factor ?? longest / original;
  const turning = (rotations: number): number =>
    (width * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const [from, to] = [turning(given.beta_fast || 32), turning(given.beta_slow || 1)];
  const low = Math.max(given.truncate ? Math.floor(from) : from, 0);
  const high = Math.min(given.truncate ? Math.ceil(to) : to, width - 1);
  const inverse = pairs(width, (pair) => {
    const wave = placesPerRadian(setting, pair);
    const ramp = f(f(pair - low) / (high === low ? 0.001 : high - low));
    const kept = f(1 - Math.min(Math.max(ramp, 0), 1));
    return f(f(f(1 / f(factor * wave)) * f(1 - kept)) + f(f(1 / wave) * kept));
  });
  const sharpness = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const isWeighted = Boolean(given.mscale) && Boolean(given.mscale_all_dim);
  const own = isWeighted ? sharpness(given.mscale ?? 1) / sharpness(given.mscale_all_dim ?? 1) : sharpness(1);
  return { inverse, scale: given.attention_factor ?? own };
}

/** LongRoPE (Ding et al. 2024, arXiv 2402.13753): a factor for each pair, others in long texts. */
function longrope(setting: Setting, given: z.infer<typeof longFields>): Omit<Frequencies, "original"> {
  const { width, longest, original } = setting;
  const by = (name: "short_factor" | "long_factor"): number[] => {
    const factors = given[name];
    if (factors.length !== width / 2) {
      throw new AbrazoError({
        code: "ROPE_PARAMETERS",
        message: `${name} has ${factors.length} numbers; heads of ${width} have ${width / 2} pairs.`,
        hint: "The config gives one factor a pair.",
        data: { name, given: factors.length, pairs: width / 2 },
      });
    }
    return factors.map((value, pair) => f(1 / f(f(value) * placesPerRadian(setting, pair))));
  };
  const ratio = given.factor ?? longest / original;
  const own = ratio <= 1 ? 1 : Math.sqrt(1 + Math.log(ratio) / Math.log(original));
  return { inverse: by("short_factor"), long: by("long_factor"), scale: given.attention_factor ?? own };
}

/**
 * Frequencies of a config, old (`rope_theta`, `rope_scaling`) or new (`rope_parameters`).
 *
 * @param width of a head
 * @throws UNKNOWN_ROPE_TYPE with the nearest name; INVALID_JSON that names the fields of the type that lack
 */
function frequenciesOf(config: RopeFields, width: number): Frequencies {
  const given = config.rope_scaling ?? config.rope_parameters ?? {};
  const type = given.rope_type ?? given.type ?? "default";
  const found = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (found === undefined) {
    throw new AbrazoError({
      code: "UNKNOWN_ROPE_TYPE",
      message: `Rotary positions of the type "${type}" are not supported.`,
      hint: suggestion(type, Object.keys(KINDS)),
      data: { type, known: Object.keys(KINDS) },
    });
  }
  const longest = config.max_position_embeddings;
  const inner = given["original_max_position_embeddings"];
  const original = config.original_max_position_embeddings ?? (typeof inner === "number" ? inner : longest);
  const theta = given.rope_theta ?? config.rope_theta ?? DEFAULT_THETA;
  const fields = parseValue(given, found.fields, `"${type}" of the config's rotary positions`);
  return { ...found.frequencies({ theta, width, longest, original }, fields), original };
}

/** Cosines and sines of every place: what `rotate` needs, each [B, T, d / 2] or [T, d / 2]. */
export interface Rotation {
  cos: Tensor;
  sin: Tensor;
}

const constant = (values: readonly number[]): Tensor =>
  buffer(tensor([...values], { dtype: "float32" }), { persistent: false });

/** Places → angles, computed where they are needed: there is no table, however far the places go. */
export class RotaryEmbedding extends Module<[Tensor], Rotation> {
  readonly inverse: Tensor;
  readonly long: Tensor | undefined;
  readonly powers: Tensor | undefined;
  readonly #frequencies: Frequencies;

  /** @throws as frequenciesOf */
  constructor(config: RopeFields, width: number) {
    super();
    const frequencies = frequenciesOf(config, width);
    this.#frequencies = frequencies;
    this.inverse = constant(frequencies.inverse);
    this.long = frequencies.long === undefined ? undefined : constant(frequencies.long);
    this.powers = frequencies.stretch === undefined ? undefined : constant(frequencies.stretch.powers);
  }

  /** @param places int64 [B, T] or [T] */
  override forward(places: Tensor): Rotation {
    const { scale } = this.#frequencies;
    const angles = places.to("float32").unsqueeze(-1).mul(this.#inverse(places)); // [.., T, d / 2]
    const scaled = (x: Tensor) => (scale === 1 ? x : x.mul(scale));
    return { cos: scaled(angles.cos()), sin: scaled(angles.sin()) };
  }

  /** [d / 2], for texts as long as the farthest place says. */
  #inverse(places: Tensor): Tensor {
    const { stretch, original } = this.#frequencies;
    if (stretch === undefined && this.long === undefined) return this.inverse;
    const length = places.max().add(1);
    if (this.long !== undefined) return where(length.gt(original), this.long, this.inverse);
    if (stretch === undefined || this.powers === undefined) return this.inverse;
    const { theta, factor, longest, power } = stretch;
    const ratio = length
      .to("float32")
      .mul(factor)
      .div(longest)
      .sub(factor - 1);
    const stretched = ratio.clamp(1).pow(power).mul(theta).pow(this.powers).reciprocal();
    return where(length.gt(longest), stretched, this.inverse);
  }
}

/** Turns the pairs (x_i, x_(i + d/2)) of heads side by side [B, T, H d] by the angles of their places. */
export function rotate(x: Tensor, rotation: Rotation): Tensor {
  const [cos, sin] = [rotation.cos.to(x.dtype), rotation.sin.to(x.dtype)];
  return Tensor.fromNode(build.rotaryEmbedding(x.node, cos.node, sin.node), [x, cos, sin]);
}
