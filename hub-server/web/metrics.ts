// Words for metrics, and which way is better.

const NAMES: Readonly<Record<string, string>> = {
  accuracy: "Accuracy",
  f1: "F1",
  bits_per_byte: "Bits per byte",
  loss: "Loss",
  perplexity: "Perplexity",
  precision: "Precision",
  recall: "Recall",
  bleu: "BLEU",
  rouge: "ROUGE",
  wer: "Word error rate",
  cer: "Character error rate",
  mae: "Mean absolute error",
  mse: "Mean squared error",
  rmse: "Root mean squared error",
};

/** The words that came with a metric, or those for its name; a name that is not known stays as it is. */
export function metricWords({ metric, metricName }: { metric: string; metricName: string | null }): string {
  return metricName ?? (Object.hasOwn(NAMES, metric) ? NAMES[metric] : undefined) ?? metric;
}

const LOWER =
  /(^|[_\s.-])(loss|nll|perplexity|ppl|error|wer|cer|mae|mse|rmse|bits|brier|ece|latency|flips?)([_\s.-]|$)/i;
const HIGHER =
  /(^|[_\s.-])(accuracy|acc|f1|precision|recall|auc|auroc|bleu|rouge|meteor|map|ndcg|mrr|exact|match|score|r2|pearson|spearman|spearmanr|matthews)/i;

const SHARES = /^(eval_)?(accuracy|(macro_|micro_)?(f1|precision|recall)|auroc|roc_auc|exact_match|distinct_\d)$/i;

/** Whether a metric lies between 0 and 1, where 1 is all. */
export const isShare = (metric: string, value: number): boolean => SHARES.test(metric) && value >= 0 && value <= 1;

/** Whether a change of a metric is for the better; undefined where the metric's name does not say. */
export function isBetter(metric: string, change: number): boolean | undefined {
  if (change === 0) return undefined;
  if (LOWER.test(metric)) return change < 0;
  return HIGHER.test(metric) ? change > 0 : undefined;
}
