// config.json as Python reads it: what is a fraction there is written as one, also where its value is whole.
// Knows no architecture.

/** Fields of configs that transformers declares as float, and refuses as int. */
const FLOATS =
  /^(.*_)?(dropout|dropout_prob|prob|pdrop|dropout_rate|initializer_factor|initializer_range|init_std|eps|epsilon|init_value|theta|factor|attention_factor|beta_fast|beta_slow|mscale|mscale_all_dim|scaling_factor|aux_loss_coef|logit_scale|logits_scaling|softcapping)$/;

const LINE = /^(\s*"([^"\\]+)": )(-?\d+)(,?)$/;

/**
 * The text of a config: JSON, where numbers of fractional fields have a point ("initializer_factor": 1.0). JavaScript writes 1.0 as 1,
 * which Python takes for another type.
 */
export function configText(config: Readonly<Record<string, unknown>>): string {
  const lines = JSON.stringify(config, null, 2).split("\n");
  const written = lines.map((line) => {
    const [, start = "", name = "", digits = "", end = ""] = LINE.exec(line) ?? [];
    return FLOATS.test(name) ? `${start}${digits}.0${end}` : line;
  });
  return `${written.join("\n")}\n`;
}
