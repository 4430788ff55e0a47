// Tells one webhook of one event: one POST with limits on time and size, no redirects, and the outcome in the log.
// Decides nothing about who is told.
import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { and, eq, sql } from "drizzle-orm";
import type { Db } from "../db/client.ts";
import { webhookDeliveries, webhooks } from "../db/schema/webhooks.ts";
import type { Outbound } from "./outbound.ts";

/** How long a receiver may take, in milliseconds. */
const TIME_LIMIT = 10_000;
/** Bytes of an answer that are read, for the log. */
const ANSWER_LIMIT = 2048;
/** Attempts for one delivery; the queue waits longer before each, two minutes together. It gives up later than this. */
const MOST_ATTEMPTS = 8;
/** Deliveries in a row that are given up before a webhook is suspended. */
const MOST_FAILURES = 20;

export interface Answer {
  /** HTTP status; undefined when there was none. */
  status: number | undefined;
  /** The beginning of the answer, or why there is none. */
  text: string;
  /** Trying again would not help. */
  final: boolean;
}

/**
 * Delivers what is waiting.
 *
 * @throws when it is to be tried again; the queue does that
 */
export async function deliver({ db, outbound }: { db: Db; outbound: Outbound }, deliveryId: string): Promise<void> {
  const [row] = await db
    .select({ delivery: webhookDeliveries, webhook: webhooks })
    .from(webhookDeliveries)
    .innerJoin(webhooks, eq(webhooks.id, webhookDeliveries.webhookId))
    .where(and(eq(webhookDeliveries.id, deliveryId), eq(webhookDeliveries.state, "waiting")));
  if (row === undefined) return;
  const { delivery, webhook } = row;
  const answer: Answer =
    webhook.disabled === null
      ? await post(webhook, delivery, outbound)
      : { status: undefined, text: "The webhook was disabled before this was sent.", final: true };
  const attempts = delivery.attempts + 1;
  const givenUp = !isGood(answer) && (answer.final || attempts >= MOST_ATTEMPTS);
  await note(db, delivery, { answer, attempts, givenUp });
  if (webhook.disabled !== null) return;
  if (isGood(answer)) await succeeded(db, webhook.id);
  else if (givenUp) await failed(db, webhook.id);
  else throw new Error(`attempt ${attempts} failed: ${answer.status ?? answer.text}`);
}

export const isGood = ({ status }: Answer): boolean => status !== undefined && status >= 200 && status < 300;

type Delivery = typeof webhookDeliveries.$inferSelect;

/** Writes the outcome into the log. */
export async function note(
  db: Db,
  { id }: Delivery,
  { answer, attempts, givenUp }: { answer: Answer; attempts: number; givenUp: boolean },
): Promise<void> {
  const state = isGood(answer) ? "delivered" : givenUp ? "failed" : "waiting";
  await db
    .update(webhookDeliveries)
    .set({
      state,
      attempts,
      status: answer.status ?? null,
      answer: answer.text,
      finishedAt: state === "waiting" ? null : new Date(),
    })
    .where(eq(webhookDeliveries.id, id));
}

export async function succeeded(db: Db, webhookId: string): Promise<void> {
  await db.update(webhooks).set({ failures: 0, lastTriggerAt: new Date() }).where(eq(webhooks.id, webhookId));
}

async function failed(db: Db, webhookId: string): Promise<void> {
  const failures = sql`${webhooks.failures} + 1`;
  await db
    .update(webhooks)
    .set({
      failures,
      lastTriggerAt: new Date(),
      disabled: sql`case when ${failures} >= ${MOST_FAILURES} then 'suspended-after-failure' else ${webhooks.disabled} end`,
    })
    .where(eq(webhooks.id, webhookId));
}

/** Sends a payload as it stands in the log. */
export function post(
  { url, secret }: typeof webhooks.$inferSelect,
  { id, payload }: Delivery,
  outbound: Outbound,
): Promise<Answer> {
  const to = new URL(url);
  const refusal = outbound.refusal(to);
  if (refusal !== undefined) return Promise.resolve({ status: undefined, text: refusal, final: true });
  const body = Buffer.from(JSON.stringify(payload));
  const headers = {
    "Content-Type": "application/json",
    "Content-Length": `${body.length}`,
    "User-Agent": "Abrazo-Webhooks",
    "X-Webhook-Delivery": id,
    ...(secret !== null && {
      "X-Webhook-Secret": secret,
      "X-Webhook-Signature": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
    }),
  };
  const send = to.protocol === "https:" ? httpsRequest : httpRequest;
  const { promise, resolve } = settled<Answer>();
  const none = (error: Error) => resolve({ status: undefined, text: error.message || error.name, final: false });
  const options = {
    method: "POST",
    headers,
    lookup: outbound.lookup,
    agent: false,
    signal: AbortSignal.timeout(TIME_LIMIT),
  };
  const sending = send(to, options, (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const done = () => {
      const text = Buffer.concat(chunks).subarray(0, ANSWER_LIMIT).toString("utf8").replaceAll("\0", "");
      // Gone: the receiver wants no more of it.
      resolve({ status: response.statusCode, text, final: response.statusCode === 410 });
      response.destroy();
    };
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= ANSWER_LIMIT) done();
    });
    response.on("end", done);
    response.on("error", done);
  });
  sending.on("error", none);
  sending.end(body);
  return promise;
}

function settled<Value>(): { promise: Promise<Value>; resolve(value: Value): void } {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
