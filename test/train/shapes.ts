// A data set in a file of its own, as a program has one that reads it with workers: stripes of four widths, turned at random.
import { Dataset, type ModuleSource, transforms } from "../../src/data/index.ts";
import { Generator, rand, type Tensor, tensor } from "../../src/tensor/index.ts";

export class Shapes extends Dataset<[Tensor, number]> {
  readonly length: number;
  override readonly source: ModuleSource;
  readonly flip = new transforms.RandomHorizontalFlip(0.5);

  constructor(length: number) {
    super();
    this.length = length;
    this.source = { module: import.meta.url, export: "Shapes", args: [length] };
  }

  get(index: number): [Tensor, number] {
    const label = index % 4;
    const stripes = Array.from({ length: 64 }, (_, at) => (at >> (label + 1)) % 2);
    const noise = rand([1, 8, 8], { generator: new Generator(index) }).mul(0.3);
    return [this.flip(noise.add(tensor(stripes, { dtype: "float32" }).view([1, 8, 8]))), label];
  }
}
