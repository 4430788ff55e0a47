// Markdown of strangers → safe HTML: GitHub's flavour, sanitised, links and images resolved inside the repository.
// Knows no pages.
import rehypeSanitize, { defaultSchema } from "rehype-sanitize";
import rehypeSlug from "rehype-slug";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

interface HastNode {
  type: string;
  tagName?: string;
  properties?: Record<string, unknown>;
  children?: HastNode[];
}

const FRONT_MATTER = /^\s*---(?:\r\n|\r|\n)[\s\S]*?(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|$)/;

/** Images come from the repository alone: a card must not make its readers fetch from elsewhere. */
const schema = {
  ...defaultSchema,
  protocols: { ...defaultSchema.protocols, src: [] },
};

export interface MarkdownPlace {
  /** Path of pages of files at this revision, e.g. "/ana/mood/blob/main". */
  blob: string;
  /** Path under which files are served, e.g. "/ana/mood/resolve/main". */
  resolve: string;
}

/** HTML of a card's body; front matter is left out, HTML inside the Markdown is dropped. */
export async function renderMarkdown(source: string, place: MarkdownPlace): Promise<string> {
  const file = await unified()
    .use(remarkParse)
    .use(remarkGfm)
    .use(remarkRehype)
    .use(rehypeSlug)
    .use(() => (tree: HastNode) => relocate(tree, place))
    .use(rehypeSanitize, { ...schema, clobberPrefix: "" })
    .use(() => focusable)
    .use(rehypeStringify)
    .process(source.replace(FRONT_MATTER, ""));
  return String(file);
}

function relocate(node: HastNode, place: MarkdownPlace): void {
  const { properties } = node;
  if (node.tagName === "a" && typeof properties?.["href"] === "string")
    properties["href"] = inside(properties["href"], place.blob);
  if (node.tagName === "img" && typeof properties?.["src"] === "string")
    properties["src"] = inside(properties["src"], place.resolve);
  for (const child of node.children ?? []) relocate(child, place);
}

/** What may scroll sideways can be reached by keyboard. */
function focusable(node: HastNode): void {
  if (node.tagName === "pre" || node.tagName === "table") node.properties = { ...node.properties, tabIndex: 0 };
  for (const child of node.children ?? []) focusable(child);
}

/** Relative addresses lead into the repository; absolute ones and anchors stay. */
function inside(address: string, base: string): string {
  if (/^([a-z][a-z0-9+.-]*:|\/\/|\/|#)/i.test(address)) return address;
  return `${base}/${address.replace(/^\.\//, "")}`;
}
