// Long work told by lines: it says that it goes on, and how it ended.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { frames } from "../../hub-server/api/xet-frames.ts";
import { badRequest, ServiceError } from "../../hub-server/errors.ts";
import { check } from "../clients/conformance/harness.ts";

const linesOf = (text: string): unknown[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));

const told = async (stream: ReadableStream<Uint8Array>): Promise<unknown[]> =>
  linesOf(await new Response(stream).text());

describe("frames", () => {
  check(91, "a check that takes its time says again and again how far it is", async () => {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const stream = frames(async (tell) => {
      tell({ type: "validating", verified: 1, total: 2 });
      await ended;
      return { result: 1 };
    }, 20);
    let text = "";
    // It goes on saying so for as long as the check takes.
    for await (const chunk of stream) {
      text += Buffer.from(chunk).toString();
      if (text.split("\n").length > 7) end();
    }
    const lines = linesOf(text);
    expect(lines.slice(0, 2)).toEqual([
      { type: "validating", verified: 0, total: 1 },
      { type: "validating", verified: 1, total: 2 },
    ]);
    const beats = lines.slice(2, -1);
    expect(beats.length).toBeGreaterThan(4);
    expect(beats.every((line) => JSON.stringify(line) === '{"type":"validating","verified":1,"total":2}')).toBe(true);
    expect(lines.at(-1)).toEqual({ type: "result", result: 1 });
  });

  it("end with what went wrong, in words for the client, and none of our own", async () => {
    const failing = (error: unknown) => told(frames(() => Promise.reject(error)));
    expect((await failing(badRequest("The shard is wrong."))).at(-1)).toEqual({
      type: "error",
      message: "The shard is wrong.",
      retryable: false,
    });
    expect((await failing(new ServiceError(503, "Again, please."))).at(-1)).toMatchObject({ retryable: true });
    expect((await failing(new Error("a secret"))).at(-1)).toEqual({
      type: "error",
      message: "Internal error; the server's log has the details.",
      retryable: true,
    });
  });

  it("stop when nobody listens any more", async () => {
    let beats = 0;
    const stream = frames(async (tell) => {
      for (; beats < 50; beats++) {
        tell({ type: "validating", verified: beats, total: 50 });
        await sleep(1);
      }
      return { result: 0 };
    }, 5);
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    await sleep(150);
    expect(beats).toBe(50);
  });
});
