// Texts of callers in patterns of LIKE, where they stand for themselves.

export const literally = (text: string): string => text.replace(/[\\%_]/g, "\\$&");

/** What holds a text anywhere. */
export const containing = (text: string): string => `%${literally(text)}%`;
