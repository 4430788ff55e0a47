// What is worth computing together: an optimizer says what will follow when a loss is read, and which losses it knows.
// Knows no optimizer and no update rule.
import type { Node } from "../graph/node.ts";
import type { Tensor } from "./tensor.ts";

/** Who takes the gradients of a leaf. */
export interface GradientTaker {
  /**
   * A loss is about to be read, and its gradients are at hand but not computed. Gives what to compute with the loss in
   * their place, or undefined where the gradients themselves are wanted.
   */
  foresee(gradients: ReadonlyMap<Tensor, Node>): readonly Node[] | undefined;
}

const takers = new WeakMap<Tensor, GradientTaker>();
/** Losses since the last step that nothing has computed: reading one after the step costs nothing if the step computed it. */
let unread: Node[] = [];
const MOST_UNREAD = 16;

export function setTaker(leaf: Tensor, taker: GradientTaker): void {
  takers.set(leaf, taker);
}

/** Notes the root of a backward pass whose gradients an optimizer will take. */
export function noteLoss(loss: Node, leaves: readonly Tensor[]): void {
  if (loss.value !== undefined || loss.shape.some((size) => size !== 1)) return;
  if (unread.length >= MOST_UNREAD || !leaves.some((leaf) => takers.has(leaf))) return;
  unread.push(loss);
}

/** The losses that a step may compute by the way. */
export function takeLosses(): Node[] {
  const losses = unread.filter(({ value }) => value === undefined);
  unread = [];
  return losses;
}

/** What to compute together with a loss that is read: the gradients, or what an optimizer is sure to make of them. */
export function foreseen(leaves: readonly Tensor[], gradients: readonly (Node | undefined)[]): Node[] {
  const byTaker = new Map<GradientTaker | undefined, Map<Tensor, Node>>();
  for (const [index, leaf] of leaves.entries()) {
    const gradient = gradients[index];
    if (gradient === undefined) continue;
    const taker = takers.get(leaf);
    const group = byTaker.get(taker) ?? new Map<Tensor, Node>();
    byTaker.set(taker, group.set(leaf, gradient));
  }
  return [...byTaker].flatMap(([taker, group]) => taker?.foresee(group) ?? [...group.values()]);
}
