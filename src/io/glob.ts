// git's path patterns: *, ?, [a-z] and **, matched in time that grows with pattern times path, whoever wrote them.
// Knows no files that hold them.

/** One step of a pattern: a character of its own kind, or a run of them. */
type Step =
  | { kind: "one"; matches(char: string): boolean }
  /** Any run, within a folder name or across them. */
  | { kind: "run"; matches(char: string): boolean }
  /** Nothing, or whole folders with the slash after them. */
  | { kind: "folders" };

const TOKEN = /\*\*\/|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|\\.|./gsu;

export type Glob = readonly Step[];

export function parseGlob(pattern: string): Glob {
  return (pattern.match(TOKEN) ?? []).map((token): Step => {
    if (token === "**/") return { kind: "folders" };
    if (token === "**") return { kind: "run", matches: () => true };
    if (token === "*") return { kind: "run", matches: (char) => char !== "/" };
    if (token === "?") return { kind: "one", matches: (char) => char !== "/" };
    if (token.length > 2 && token.startsWith("[")) return { kind: "one", matches: characterClass(token) };
    const literal = token.startsWith("\\") && token.length > 1 ? token.slice(1) : token;
    return { kind: "one", matches: (char) => char === literal };
  });
}

/** [abc], [a-z], [!a-z]; a slash is in none. */
function characterClass(token: string): (char: string) => boolean {
  const negated = /^\[[!^]/.test(token);
  const ranges = Array.from(token.slice(negated ? 2 : 1, -1).matchAll(/(.)-(.)|(.)/gsu), ([, from, to, one]) => [
    from ?? one ?? "",
    to ?? one ?? "",
  ]);
  return (char) => char !== "/" && ranges.some(([from = "", to = ""]) => char >= from && char <= to) !== negated;
}

/** Whether a pattern matches a whole path. All places that the pattern may have reached are followed at once. */
export function globMatches(glob: Glob, path: string): boolean {
  // Place 2·i is before step i; 2·i + 1 is inside the folders of step i.
  let places = skipEmpty(glob, [0]);
  for (const char of path) {
    const next = new Set<number>();
    for (const place of places) {
      const step = glob[place >> 1];
      if (step === undefined) continue;
      if (step.kind === "folders") {
        next.add(place | 1);
        if (char === "/") next.add((place | 1) + 1);
      } else if (step.matches(char)) next.add(step.kind === "run" ? place : place + 2);
    }
    places = skipEmpty(glob, next);
  }
  return places.has(2 * glob.length);
}

/** The places, and those beyond steps that may match nothing. */
function skipEmpty(glob: Glob, places: Iterable<number>): Set<number> {
  const out = new Set(places);
  for (const place of out) {
    const step = place % 2 === 0 ? glob[place / 2] : undefined;
    if (step !== undefined && step.kind !== "one") out.add(place + 2);
  }
  return out;
}
