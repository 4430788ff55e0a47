// Markdown of strangers → safe HTML: GitHub's flavour and its subset of HTML, sanitised, links and images resolved
// inside the repository. Knows no pages.
import rehypeRaw from "rehype-raw";
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
  value?: string;
  properties?: Record<string, unknown>;
  children?: HastNode[];
}

/** Ids of a card begin with this, so that they are never ids of the page around it. */
const ID_PREFIX = "user-content-";

const allowed = defaultSchema.attributes ?? {};
const schema = {
  ...defaultSchema,
  tagNames: [...(defaultSchema.tagNames ?? []), "figure", "figcaption", "mark", "u"].filter(
    (name) => name !== "source" && name !== "picture",
  ),
  attributes: {
    ...allowed,
    "*": (allowed["*"] ?? []).filter((name) => name !== "accessKey" && name !== "tabIndex"),
  },
  strip: ["script", "style", "template", "title"],
  clobberPrefix: ID_PREFIX,
};

export interface MarkdownPlace {
  /** Path of the pages of files beside this one, e.g. "/ana/mood/blob/main". */
  blob: string;
  /** Path under which the files beside this one are served, e.g. "/ana/mood/resolve/main". */
  resolve: string;
}

/** HTML of a text without front matter; undefined when it is nested too deep. Takes a thread of its own: see rendered.ts. */
export async function renderText(body: string, place: MarkdownPlace): Promise<string | undefined> {
  try {
    return String(await toHtml(body, place));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function toHtml(body: string, place: MarkdownPlace) {
  return unified()
    .use(remarkParse)
    .use(remarkGfm)
    .use(remarkRehype, { allowDangerousHtml: true, clobberPrefix: "" })
    .use(rehypeRaw)
    .use(rehypeSanitize, schema)
    .use(rehypeSlug, { prefix: ID_PREFIX })
    .use(() => (tree: HastNode) => relocate(tree, place, false))
    .use(rehypeStringify)
    .process(body);
}

/** After the sanitiser, which may only take away: what is left leads into the repository, or visibly out of it. */
function relocate(node: HastNode, place: MarkdownPlace, linked: boolean): void {
  const properties = node.properties ?? {};
  const { href, src } = properties;
  if (node.tagName === "a" && typeof href === "string") properties["href"] = addressOf(bare(href), place.blob);
  if (node.tagName === "img") relocateImage(node, typeof src === "string" ? bare(src) : "", place, linked);
  if (node.tagName === "input")
    node.properties = { ...properties, ariaLabel: properties["checked"] === true ? "done" : "to do" };
  // What may scroll sideways can be reached by keyboard.
  if (node.tagName === "pre" || node.tagName === "table") node.properties = { ...properties, tabIndex: 0 };
  for (const child of node.children ?? []) relocate(child, place, linked || node.tagName === "a");
}

/** Images come from the repository alone: a card must not make its readers fetch from elsewhere. Others become links. */
function relocateImage(node: HastNode, src: string, place: MarkdownPlace, linked: boolean): void {
  const { alt, width, height } = node.properties ?? {};
  const text = typeof alt === "string" ? alt : "";
  if (src !== "" && !isAbsolute(src)) {
    node.properties = { src: addressOf(src, place.resolve), alt: text, width, height, loading: "lazy" };
    return;
  }
  node.tagName = linked || src === "" ? "span" : "a";
  node.properties = node.tagName === "a" ? { href: src, className: ["away"] } : {};
  node.children = [{ type: "text", value: text === "" ? "image" : text }];
}

/** An address as browsers read it: they leave out tabs and line ends, and what stands in front. */
const bare = (address: string): string => address.replace(/[\t\n\r]/g, "").replace(/^[\p{Cc} ]+/u, "");

const isAbsolute = (address: string): boolean => /^([a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(address);

/** Relative addresses lead to the files beside this one, anchors into the card; others stay. */
function addressOf(address: string, base: string): string {
  if (address.startsWith("#")) return `#${ID_PREFIX}${address.slice(1)}`;
  if (address === "" || isAbsolute(address) || address.startsWith("/")) return address;
  const { pathname, search, hash } = new URL(address, `http://hub${base}/`);
  return pathname.startsWith(`${base.split("/").slice(0, 3).join("/")}/`) ? pathname + search + hash : base;
}
