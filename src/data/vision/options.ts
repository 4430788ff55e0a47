// The names of options that functions of pictures and their transforms share.
// Knows no picture.
import { optionsOf } from "../../options.ts";
import type { PadOptions } from "./functional.ts";
import type { RotateOptions } from "./geometry.ts";
import type { ResizeOptions } from "./resize.ts";

export const resizeOptions = optionsOf<ResizeOptions>({ interpolation: true, maxSize: true, antialias: true });
export const rotateOptions = optionsOf<RotateOptions>({ interpolation: true, expand: true, center: true, fill: true });
export const padOptions = optionsOf<PadOptions>({ fill: true, paddingMode: true });
