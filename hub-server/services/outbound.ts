// Which addresses this server may call for its users: public ones, and private ones that whoever runs it allowed.
// What a name means is checked at the moment of the connection, so that it cannot change in between.
import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Networks of the inside, and those that stand for addresses of another kind, by their first address and the length of the prefix. */
const PRIVATE: readonly [address: string, prefix: number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["::", 96],
  ["::ffff:0:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
];

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

function listOf(networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) list.addSubnet(address, prefix, familyOf(address));
  return list;
}

const inside = listOf(PRIVATE);

export interface Outbound {
  /** Why an address written in full may not be called; undefined for public ones, and for names, which are looked up later. */
  refusal(url: URL): string | undefined;
  /** Looks a name up for a connection, and fails where it leads to the inside. */
  lookup: LookupFunction;
}

/**
 * @param allowed names ("ci.internal"), addresses ("10.1.2.3") and networks ("10.0.0.0/8") of the inside that may be called
 * @throws for what is none of them
 */
export function outbound(allowed: readonly string[]): Outbound {
  const names = new Set(allowed.filter((entry) => NAME.test(entry)).map((entry) => entry.toLowerCase()));
  const networks = listOf(allowed.filter((entry) => !NAME.test(entry)).map(networkOf));
  const mayReach = (address: string) => {
    const family = familyOf(address);
    return !inside.check(address, family) || networks.check(address, family);
  };
  const refused = (name: string, address: string) =>
    `${name}${name === address ? "" : ` (${address})`} is no public address`;
  return {
    refusal: ({ hostname }) => {
      const address = hostname.replace(/^\[|\]$/g, "");
      if (isIP(address) !== 0) return mayReach(address) ? undefined : refused(address, address);
      const name = hostname.replace(/\.$/, "").toLowerCase();
      const local = name === "localhost" || name.endsWith(".localhost");
      return local && !names.has(name) && !mayReach("127.0.0.1") ? refused(name, name) : undefined;
    },
    lookup: (name, options, callback) => {
      lookup(name, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, "", 0);
        const wrong = names.has(name.toLowerCase()) ? undefined : addresses.find(({ address }) => !mayReach(address));
        if (wrong !== undefined) return callback(new Error(refused(name, wrong.address)), "", 0);
        if (options.all === true) return callback(null, addresses);
        const [first] = addresses;
        callback(null, first?.address ?? "", first?.family);
      });
    },
  };
}

/** Letters make a name of what could be an address or a network otherwise. */
const NAME = /^(?=.*[g-z])[a-z0-9.-]+$/i;

function networkOf(entry: string): [string, number] {
  const [address = "", prefix] = entry.split("/");
  const most = isIP(address) === 6 ? 128 : 32;
  const length = prefix === undefined ? most : Number(prefix);
  if (isIP(address) === 0 || !Number.isInteger(length) || length < 0 || length > most)
    throw new Error(`"${entry}" is no name, address or network; write "ci.internal", "10.1.2.3" or "10.0.0.0/8"`);
  return [address, length];
}
