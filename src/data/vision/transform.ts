// Transform: what all transforms are. One is called like a function, and says where a worker finds it.
// Knows what a picture is, and no transform.
import type { ModuleSource } from "../dataset.ts";
import type { Picture } from "./raster.ts";

export const APPLY = Symbol("apply");

/** Makes each instance a function as well: that is what `transform(image)` calls. */
export abstract class Callable {
  /** Where a worker finds it; the transforms of this library say it themselves. */
  declare readonly source?: ModuleSource;

  /** @param module the file that exports the class, if a worker may make it anew with `args` */
  constructor(module?: string, args: readonly unknown[] = []) {
    const self: { [APPLY](input: unknown): unknown; source?: ModuleSource } = Object.setPrototypeOf(
      (input: unknown) => self[APPLY](input),
      new.target.prototype,
    );
    // A function's own name and length would hide those of a transform.
    Reflect.deleteProperty(self, "name");
    Reflect.deleteProperty(self, "length");
    if (module !== undefined) self.source = { module, export: new.target.name, args };
    // biome-ignore lint/correctness/noConstructorReturn: the function is the instance
    return self;
  }

  abstract [APPLY](input: unknown): unknown;
}

/**
 * A transform of samples. Extend it and write `forward`.
 *
 * Transforms run on the host, sample by sample, on plain arrays. What they draw comes from the default generator, in
 * torchvision's order: `manualSeed` repeats it.
 *
 * @example
 * ```ts
 * class Darker extends Transform<Image, Image> {
 *   forward(image: Image) { return functional.adjustBrightness(image, 0.5); }
 * }
 * new Darker()(new Image(new Uint8Array([100]), 1, 1, 1)).data; // Uint8Array [50]
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the call signature is the other half of the class
export abstract class Transform<Input, Output> extends Callable {
  abstract forward(input: Input): Output;

  override [APPLY](input: unknown): Output {
    return this.forward(input as Input); // safe because only the call signature leads here
  }
}

export interface Transform<Input, Output> {
  // biome-ignore lint/style/useShorthandFunctionType: a type cannot merge with the class
  (input: Input): Output;
}

/**
 * A transform that makes an Image of an Image and a tensor of a tensor.
 *
 * @example
 * ```ts
 * class Flipped extends PictureTransform {
 *   forward<P extends Picture>(picture: P): P { return functional.hflip(picture); }
 * }
 * new Flipped()(tensor([[[1, 2]]]).to("float32")).tolistSync(); // [[[2, 1]]]
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the call signature is the other half of the class
export abstract class PictureTransform extends Callable {
  abstract forward<P extends Picture>(picture: P): P;

  override [APPLY](picture: unknown): Picture {
    return this.forward(picture as Picture); // safe because what is no picture is refused where its elements are taken
  }
}

export interface PictureTransform {
  // biome-ignore lint/style/useShorthandFunctionType: a type cannot merge with the class
  <P extends Picture>(picture: P): P;
}
