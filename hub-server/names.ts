// By which names a hub is called, and pages of which sites read what it says to strangers. One that listens on this machine alone is for
// who sits at it; but their browser shows pages of any site, which may have their own name lead here (DNS rebinding) or call 127.0.0.1.
import { isIP } from "node:net";

export interface Names {
  /** Whether the hub listens on this machine alone. */
  isLocal: boolean;
  /** Names that whoever runs the hub trusts. With any, there are no others but those of this machine and its network. */
  trusted: readonly string[];
}

/** Names that nobody outside can have lead anywhere. */
const INSIDE = /^[^.]*$|\.(localhost|local|internal|lan|test|home\.arpa)$/;
const THIS_MACHINE = /^(127\..*|\[::1\]|(.*\.)?localhost)$/;

const isAddress = (name: string): boolean => name.startsWith("[") || isIP(name) === 4;

/** Name and port as browsers understand them, in one spelling. */
function read(host: string): { name: string; port: number } | undefined {
  if (!URL.canParse(`http://${host}`)) return undefined;
  const { hostname, port } = new URL(`http://${host}`);
  return { name: hostname.replace(/\.$/, ""), port: Number(port || 80) };
}

/** Whether a request that names this host, and came to this port, may be for this hub. */
export function isKnown({ isLocal, trusted }: Names, host: string, port: number | undefined): boolean {
  const asked = read(host);
  // Programs of old name none.
  if (asked === undefined) return host === "";
  if (isAddress(asked.name) || INSIDE.test(asked.name) || trusted.includes(asked.name)) return true;
  // A browser that was led here names the port that it is at; behind a proxy it names the proxy's.
  return trusted.length === 0 && !(isLocal && asked.port === port);
}

/** Whether a page of this origin may read what the hub answers under this host's name. */
export function mayRead({ isLocal, trusted }: Names, host: string, origin: string | undefined): boolean {
  const isProxied = !THIS_MACHINE.test(read(host)?.name ?? "");
  if (origin === undefined || !isLocal || isProxied) return true;
  // Extensions and programs have origins of their own; "null" is a page's that hides where it is from.
  const [, page] = /^https?:\/\/(.*)$/.exec(origin) ?? [];
  if (page === undefined) return origin !== "null";
  const { name } = read(page) ?? { name: "" };
  return THIS_MACHINE.test(name) || trusted.includes(name);
}
