// Style, script and icon: read once, served under an address that changes with their content, so that caches keep them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { packageFile } from "../../src/package-root.ts";

export interface Asset {
  url: string;
  path: string;
  type: string;
  body: string;
}

function asset(name: string, type: string): Asset {
  const body = readFileSync(packageFile("hub-server", "web", "public", name), "utf8");
  const version = createHash("sha256").update(body).digest("hex").slice(0, 12);
  const path = `/assets/${name}`;
  return { url: `${path}?v=${version}`, path, type, body };
}

export const ASSETS = {
  style: asset("style.css", "text/css; charset=utf-8"),
  script: asset("script.js", "text/javascript; charset=utf-8"),
  icon: asset("icon.svg", "image/svg+xml"),
} as const;
