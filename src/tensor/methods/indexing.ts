// Picking elements by index and by mask, and putting them back.
import * as build from "../../graph/build.ts";
import { axisOf } from "../../graph/shape.ts";
import { scalarNode, Tensor } from "../tensor.ts";
import { integers, placesOfTruth } from "./support.ts";

export const indexingMethods = {
  gather(this: Tensor, dim: number, index: Tensor): Tensor {
    const node = build.gatherElements(this.node, build.cast(index.node, "int64"), axisOf(dim, this.ndim));
    return Tensor.fromNode(node, [this]);
  },
  indexSelect(this: Tensor, dim: number, index: Tensor): Tensor {
    const node = build.gather(this.node, build.cast(index.node, "int64"), axisOf(dim, this.ndim));
    return Tensor.fromNode(node, [this]);
  },
  maskedFill(this: Tensor, mask: Tensor, value: number): Tensor {
    return this.map((node) => {
      const filling = build.cast(scalarNode(value, node.dtype), node.dtype);
      return build.where(build.cast(mask.node, "bool"), filling, node);
    });
  },
  /** Positions of the elements that are not zero, [count, rank], int64. Its shape depends on data: it is computed now. */
  nonzero(this: Tensor): Tensor {
    const { shape } = this;
    const places = placesOfTruth(this);
    const data = new BigInt64Array(places.length * shape.length);
    for (const [row, place] of places.entries()) {
      let rest = place;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const size = shape[axis] ?? 1;
        data[row * shape.length + axis] = BigInt(rest % size);
        rest = Math.floor(rest / size);
      }
    }
    return integers(data, [places.length, shape.length], this.device);
  },
  /** The elements where a mask of this shape holds, [count]. Computes the mask now. */
  maskedSelect(this: Tensor, mask: Tensor): Tensor {
    const places = placesOfTruth(mask.expand(this.dims));
    return this.flatten().indexSelect(0, integers(BigInt64Array.from(places, BigInt), [places.length], this.device));
  },
  tril(this: Tensor, diagonal = 0): Tensor {
    return this.map((node) => build.trilu(node, false, diagonal));
  },
  triu(this: Tensor, diagonal = 0): Tensor {
    return this.map((node) => build.trilu(node, true, diagonal));
  },
  clone(this: Tensor): Tensor {
    return this.map((node) => node);
  },
};
