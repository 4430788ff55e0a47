// Colours changed by chance. What is drawn, and in which order, is torchvision's, from the default generator.
// Knows no dataset.

import { optionsOf } from "../../options.ts";
import { packageModule } from "../../package-root.ts";
import { defaultGenerator } from "../../tensor/rng.ts";
import { drawUniform } from "../random.ts";
import * as functional from "./functional.ts";
import { badOption, type Range } from "./random-transforms.ts";
import type { Picture } from "./raster.ts";
import { PictureTransform } from "./transform.ts";

const HERE = packageModule("src/data/vision/color-jitter");

/** How far colours may be changed. */
export interface JitterOptions {
  /** Factor between 1 - b and 1 + b, or in a range. */
  brightness?: number | Range;
  contrast?: number | Range;
  saturation?: number | Range;
  /** Turn between -h and h, or in a range; at most half the circle, 0.5. */
  hue?: number | Range;
}

const jitterOptions = optionsOf<JitterOptions>({ brightness: true, contrast: true, saturation: true, hue: true });

/**
 * Brightness, contrast, saturation and hue changed at random, in random order. Without options the picture stays as it
 * is, and the order is drawn nevertheless, as in torchvision.
 *
 * @throws BAD_OPTION for numbers below 0 and ranges beyond the bounds
 *
 * @example
 * ```ts
 * const jitter = new ColorJitter({ brightness: 0.2, hue: 0.1 });
 * jitter.brightness; // [0.8, 1.2]
 * ```
 */
export class ColorJitter extends PictureTransform {
  readonly brightness: Range | undefined;
  readonly contrast: Range | undefined;
  readonly saturation: Range | undefined;
  readonly hue: Range | undefined;

  constructor(given?: JitterOptions) {
    const options = jitterOptions("ColorJitter", given);
    super(HERE, [options]);
    const around1 = { center: 1, least: 0, most: Number.POSITIVE_INFINITY };
    this.brightness = rangeOf("brightness", options.brightness, around1);
    this.contrast = rangeOf("contrast", options.contrast, around1);
    this.saturation = rangeOf("saturation", options.saturation, around1);
    this.hue = rangeOf("hue", options.hue, { center: 0, least: -0.5, most: 0.5 });
  }

  forward<P extends Picture>(picture: P): P {
    const order = defaultGenerator.permutation(4);
    const draw = (range: Range | undefined) => range && drawUniform(defaultGenerator, ...range);
    const changes = [
      [functional.adjustBrightness, draw(this.brightness)],
      [functional.adjustContrast, draw(this.contrast)],
      [functional.adjustSaturation, draw(this.saturation)],
      [functional.adjustHue, draw(this.hue)],
    ] as const;
    return order.reduce((made, index) => {
      const [change, factor] = changes[index] ?? [];
      return change === undefined || factor === undefined ? made : change(made, factor);
    }, picture);
  }
}

interface Bounds {
  center: number;
  least: number;
  most: number;
}

/** The range of factors, or undefined where it changes nothing. */
function rangeOf(name: string, value: number | Range = 0, { center, least, most }: Bounds): Range | undefined {
  if (typeof value === "number" && value < 0) {
    throw badOption(`If ${name} is a single number, it must be non negative.`, `It is ${value}.`);
  }
  // Factors do not go below 0; a turn may.
  const [low, high] =
    typeof value !== "number" ? value : [center === 1 ? Math.max(0, 1 - value) : -value, center + value];
  if (!(least <= low && low <= high && high <= most)) {
    throw badOption(
      `${name} values should be between (${least}, ${most}), but got (${low}, ${high}).`,
      "Low, then high.",
    );
  }
  return low === center && high === center ? undefined : [low, high];
}
