// A Hono app on a port, until it is closed.
// Knows no routes.
import type { AddressInfo } from "node:net";
import { type ServerType, serve } from "@hono/node-server";
import type { Hono } from "hono";
import { AbrazoError } from "../../src/errors.ts";

/** An app that listens. */
export interface Listening {
  url: string;
  close(): Promise<void>;
}

export function listen(app: Hono, host: string, port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? portInUse(host, port) : error);
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info: AddressInfo) => {
      server.off("error", failed);
      resolve({
        url: `http://${host.includes(":") ? `[${host}]` : host}:${info.port}`,
        close: () => closed(server),
      });
    });
    server.once("error", failed);
  });
}

/** Milliseconds in which the last answers must have been taken. */
const SENDING = 2000;

/** Connections go as their answers have been sent. */
function closed(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 20);
    const late = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), SENDING);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(late);
      resolve();
    });
  });
}

function portInUse(host: string, port: number): AbrazoError {
  return new AbrazoError({
    code: "PORT_IN_USE",
    message: `Port ${port} on ${host} is in use.`,
    hint: "Choose another with --port; 0 takes any that is free.",
    data: { host, port },
  });
}
