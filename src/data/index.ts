// Public entry point of data: datasets, samplers, collators, the loader, and pictures (what torchvision is to PyTorch).
// What torchtext was lies in the tokenizers and pipelines; there is nothing for sound yet.
export { type Collated, defaultCollate, type Padded, type PadOptions, padCollate } from "./collate.ts";
export {
  type AnyDataset,
  ChainDataset,
  ConcatDataset,
  Dataset,
  IterableDataset,
  type MapDataset,
  type ModuleSource,
  randomSplit,
  Subset,
  TensorDataset,
} from "./dataset.ts";
export { readIdx } from "./idx.ts";
export { DataLoader, type LoaderOptions, type LoaderState } from "./loader.ts";
export {
  BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type WeightedSamplerOptions,
} from "./samplers.ts";
export * as datasets from "./vision/datasets-entry.ts";
export { type GridOptions, makeGrid, saveImage } from "./vision/grid.ts";
export { Image, type ImageMode } from "./vision/image.ts";
export { ImageProcessor, type PixelValues, type ProcessorImage, type RawPixels } from "./vision/image-processor.ts";
export type { ProcessorConfig, TargetSize } from "./vision/processor-config.ts";
export * as transforms from "./vision/transforms-entry.ts";
export { getWorkerInfo, type WorkerInfo } from "./worker-info.ts";
