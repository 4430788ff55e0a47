// Markdown as it says: tables are padded by the formatter, as wide as it likes.

/** A text whose columns are as narrow as they can be. */
export const unpadded = (markdown: string): string =>
  markdown.replace(/^\|.*$/gm, (line) => line.replace(/ +/g, " ").replace(/-{3,}/g, "---"));
