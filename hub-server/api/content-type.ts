// Content types of files by their ending. Text stays text; what could run in a browser is plain text, too.

const TYPES: Readonly<Record<string, string>> = {
  json: "application/json",
  txt: "text/plain; charset=utf-8",
  md: "text/markdown; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  tsv: "text/tab-separated-values; charset=utf-8",
  jsonl: "application/x-ndjson",
  yaml: "text/yaml; charset=utf-8",
  yml: "text/yaml; charset=utf-8",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  py: "text/plain; charset=utf-8",
  ts: "text/plain; charset=utf-8",
  js: "text/plain; charset=utf-8",
  html: "text/plain; charset=utf-8",
  svg: "text/plain; charset=utf-8",
  xml: "text/plain; charset=utf-8",
  gitattributes: "text/plain; charset=utf-8",
};

export function contentTypeOf(path: string): string {
  const ending = path.split(".").at(-1)?.toLowerCase() ?? "";
  return TYPES[ending] ?? "application/octet-stream";
}
