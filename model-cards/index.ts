// Public entry point: a card written from facts, human text kept.
import { removeBlock, setBlock } from "./card.ts";
import type { ModelFacts } from "./facts.ts";
import { updateFrontMatter } from "./front-matter.ts";
import { frontMatter, OWN_KEYS } from "./metadata.ts";
import { SECTIONS } from "./sections/index.ts";

export { collectModelFacts, type RepositoryFiles } from "./collect/from-files.ts";
export type { ModelFacts } from "./facts.ts";

export interface WrittenCard {
  text: string;
  changed: boolean;
  /** Sections left out for want of facts, and what is wrong with the front matter. */
  issues: string[];
}

/**
 * Writes or refreshes a card. Blocks between markers are generated; everything else is kept byte for byte; writing twice
 * changes nothing.
 *
 * @param readme the card as it is, or null when there is none
 * @example
 * ```ts
 * const { text, changed } = writeCard(null, facts);
 * writeCard(text, facts).changed; // false
 * ```
 */
export function writeCard(readme: string | null, facts: ModelFacts): WrittenCard {
  const issues: string[] = [];
  let text = readme ?? `# ${facts.name.split("/").at(-1)}\n`;
  const order = SECTIONS.map(({ id }) => id);
  for (const { id, title, render } of SECTIONS) {
    const result = render(facts);
    if ("markdown" in result) text = setBlock(text, id, `## ${title}\n\n${result.markdown}`, order);
    else {
      issues.push(`${id}: ${result.missing}`);
      if (result.stays !== true) text = removeBlock(text, id);
    }
  }
  const updated = updateFrontMatter(text, frontMatter(facts), OWN_KEYS);
  if (updated.issue !== undefined) issues.push(updated.issue);
  return { text: updated.text, changed: updated.text !== readme, issues };
}
