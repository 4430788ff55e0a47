// What `transforms` is to a caller: torchvision's names in one place.
export { ColorJitter, type JitterOptions } from "./color-jitter.ts";
export * as functional from "./functional.ts";
export type { RotateOptions } from "./geometry.ts";
export {
  type ErasingOptions,
  RandomApply,
  RandomChoice,
  RandomCrop,
  type RandomCropOptions,
  RandomErasing,
  RandomGrayscale,
  RandomHorizontalFlip,
  RandomInvert,
  RandomResizedCrop,
  RandomRotation,
  RandomVerticalFlip,
  type ResizedCropOptions,
} from "./random-transforms.ts";
export type { Picture } from "./raster.ts";
export type { Interpolation, ResizeOptions, Size } from "./resize.ts";
export { PictureTransform, Transform } from "./transform.ts";
export {
  CenterCrop,
  Compose,
  ConvertImageDtype,
  Grayscale,
  Lambda,
  Normalize,
  Pad,
  PILToTensor,
  Resize,
  ToPILImage,
  ToTensor,
} from "./transforms.ts";
