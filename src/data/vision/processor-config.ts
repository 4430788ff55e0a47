// preprocessor_config.json: what an image processor does to a picture, with the defaults of the kind that the file names.
// Touches no picture.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError, suggestion } from "../../errors.ts";
import { parseValue, readJson } from "../../io/json.ts";
import { RESAMPLE } from "./pil-resize.ts";

/** Where Pillow refuses a picture: twice what it warns at. In RGB that is half a gigabyte. */
export const MAX_PIXELS = 2 * 89_478_485;

const side = z.number().int().positive();
const rectangle = z
  .strictObject({ height: side, width: side })
  .refine(({ height, width }) => height * width <= MAX_PIXELS, `has more than ${MAX_PIXELS} pixels`);
const target = z.union([rectangle, z.strictObject({ shortest_edge: side })], {
  error: "has to be { height, width }, { shortest_edge }, [height, width] or one number",
});

/** Height and width, or the shorter edge alone. */
export type TargetSize = z.infer<typeof target>;

/** One number for every channel, or one for each. */
const perChannel = <Value extends z.ZodType<number>>(value: Value) => z.union([value, z.array(value).min(1)]);

const configSchema = z.looseObject({
  do_convert_rgb: z.boolean(),
  do_resize: z.boolean(),
  size: target,
  resample: z.number().int().min(0).max(5),
  do_center_crop: z.boolean(),
  crop_size: rectangle,
  /** Of ConvNeXT alone: a picture below 384 is cropped to this share of what it is resized to. */
  crop_pct: z.number().positive().max(1).nullable(),
  do_rescale: z.boolean(),
  rescale_factor: z.number(),
  do_normalize: z.boolean(),
  image_mean: perChannel(z.number()),
  image_std: perChannel(z.number().refine((value) => value !== 0, "has to differ from 0")),
  // Pictures of one batch are not padded to one size: a config that wants it is refused.
  do_pad: z.literal(false),
});

/** Every step that a processor takes, and how. */
export type ProcessorConfig = z.infer<typeof configSchema>;

interface Kind {
  /** Of the models whose configs say nothing of their own. */
  modelType: string;
  /** What one number for `size` means. */
  isSquare: boolean;
  defaults: ProcessorConfig;
}

const COMMON = {
  do_convert_rgb: true,
  do_resize: true,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  do_pad: false,
  crop_size: { height: 224, width: 224 },
  crop_pct: null,
} as const;

const HALVES = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
const OF_CLIP = {
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};
/** What most of them are: resized to one size, by Pillow's bicubic filter, and not cropped. */
const SQUARE = {
  ...COMMON,
  ...HALVES,
  size: { height: 224, width: 224 },
  resample: RESAMPLE.bicubic,
  do_center_crop: false,
} satisfies ProcessorConfig;
/** Resized by the shorter edge, and cropped. */
const CROPPED = {
  ...COMMON,
  ...OF_CLIP,
  size: { shortest_edge: 224 },
  resample: RESAMPLE.bicubic,
  do_center_crop: true,
} satisfies ProcessorConfig;

const KINDS: Readonly<Record<string, Kind>> = {
  BeitImageProcessor: { modelType: "beit", isSquare: true, defaults: SQUARE },
  BitImageProcessor: { modelType: "bit", isSquare: false, defaults: CROPPED },
  BlipImageProcessor: {
    modelType: "blip",
    isSquare: true,
    defaults: { ...SQUARE, ...OF_CLIP, size: { height: 384, width: 384 } },
  },
  CLIPImageProcessor: { modelType: "clip", isSquare: false, defaults: CROPPED },
  ConvNextImageProcessor: {
    modelType: "convnext",
    isSquare: false,
    defaults: { ...SQUARE, size: { shortest_edge: 384 }, crop_pct: 224 / 256 },
  },
  DeiTImageProcessor: {
    modelType: "deit",
    isSquare: true,
    defaults: { ...SQUARE, size: { height: 256, width: 256 }, do_center_crop: true },
  },
  SiglipImageProcessor: { modelType: "siglip", isSquare: false, defaults: SQUARE },
  ViTImageProcessor: { modelType: "vit", isSquare: true, defaults: { ...SQUARE, resample: RESAMPLE.bilinear } },
};

/** What older files and other implementations of the same steps are called. */
const SYNONYM = /(?:FeatureExtractor|ImageProcessor(?:Fast|Pil)?)$/;

const namesSchema = z.looseObject({
  image_processor_type: z.string().nullish(),
  feature_extractor_type: z.string().nullish(),
});

/**
 * The config of a processor, complete.
 *
 * @param name what errors call it
 * @throws UNKNOWN_IMAGE_PROCESSOR with the nearest name; INVALID_JSON with the fields that are wrong
 */
export function processorConfig(given: unknown, name: string, modelType?: string): ProcessorConfig {
  const { image_processor_type: named, feature_extractor_type: old, ...fields } = parseValue(given, namesSchema, name);
  const { defaults, isSquare } = kindOf(named ?? old ?? undefined, modelType, name);
  // transformers writes null where a value is the default.
  const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  const sizes = {
    ...("size" in set && { size: sizeOf(set["size"], isSquare) }),
    ...("crop_size" in set && { crop_size: sizeOf(set["crop_size"], true) }),
  };
  const config = parseValue({ ...defaults, ...set, ...sizes }, configSchema, name);
  if (defaults.crop_pct === null) return { ...config, crop_pct: null };
  if ("shortest_edge" in config.size || !config.do_resize) return config;
  throw noShortestEdge(name);
}

function noShortestEdge(name: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_JSON",
    message: `${name}: size has to be { shortest_edge } where crop_pct says how much of a picture stays.`,
    hint: 'Write "size": { "shortest_edge": 224 }.',
    data: { field: "size" },
  });
}

function kindOf(type: string | undefined, modelType: string | undefined, name: string): Kind {
  const found =
    type === undefined
      ? Object.values(KINDS).find((kind) => kind.modelType === modelType)
      : KINDS[type.replace(SYNONYM, "ImageProcessor")];
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "UNKNOWN_IMAGE_PROCESSOR",
    message:
      type === undefined
        ? `${name} names no image_processor_type.`
        : `The image processor "${type}" of ${name} is not supported.`,
    hint: `${type === undefined ? "" : `${suggestion(type, Object.keys(KINDS))} `}Those whose steps are known: ${Object.keys(KINDS).join(", ")}.`,
    data: { type, known: Object.keys(KINDS) },
  });
}

/** One number or two, as older files write sizes, in the words of newer ones; anything else as it is, for the schema to judge. */
function sizeOf(given: unknown, isSquare: boolean): unknown {
  if (typeof given === "number") return isSquare ? { height: given, width: given } : { shortest_edge: given };
  return Array.isArray(given) && given.length === 2 ? { height: given[0], width: given[1] } : given;
}

const FILE = "preprocessor_config.json";
const TOGETHER = "processor_config.json";

/**
 * The config in a folder: preprocessor_config.json, or `image_processor` in processor_config.json. A file that names no
 * processor has that of the model in config.json.
 *
 * @throws FILE_MISSING and what processorConfig throws
 */
export async function readProcessorConfig(folder: string): Promise<ProcessorConfig> {
  const config = join(folder, "config.json");
  const { model_type: modelType } = existsSync(config)
    ? await readJson(config, z.looseObject({ model_type: z.string().optional() }))
    : {};
  const own = join(folder, FILE);
  if (existsSync(own)) return processorConfig(await readJson(own, z.unknown()), own, modelType);
  const together = join(folder, TOGETHER);
  if (existsSync(together)) {
    const { image_processor: part } = await readJson(together, z.looseObject({ image_processor: z.unknown() }));
    if (part !== undefined) return processorConfig(part, `image_processor of ${together}`, modelType);
  }
  throw new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${FILE}.`,
    hint: "It says how pictures become what the model sees: fetch it, or write one with its image_processor_type.",
    data: { folder, name: FILE },
  });
}
