// The Section contract: what it needs, and what it writes from that. A section without its facts writes nothing and says so.
import type { ModelFacts } from "./facts.ts";

export interface Section {
  /** Marker in the document, and name in the issues. */
  id: string;
  title: string;
  /** Markdown below the title, or what is missing; `stays` when what the card said so far may still hold. */
  render(facts: ModelFacts): { markdown: string } | { missing: string; stays?: boolean };
}

export const defineSection = (section: Section): Section => section;

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s*[\r\n]+\s*/g, " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const whole = (count: number): string => count.toLocaleString("en-US");
