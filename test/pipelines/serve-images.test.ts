// Tasks of images behind HTTP: a file as the body or in base64, the shapes of the Inference API, and what is no image.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ModelServer } from "../../pipelines/index.ts";
import { png, writeVision } from "../support/pipeline-goldens.ts";
import { Serving } from "../support/served.ts";

const served = new Serving();
let server: ModelServer;
const LABELS = ["cat", "old dog", "house"];
const base64 = (name: string): string => png(name).toString("base64");

beforeAll(async () => {
  await writeVision(served.root);
  await writeFile(join(served.root, "wide.png"), png("wide"));
  const names = ["image-classification", "zero-shot-image-classification", "image-feature-extraction"];
  server = await served.start({
    models: names.map((name) => served.folder(name)),
    maxBodyBytes: 100_000,
    maxInputs: 4,
  });
});

/** An answer to a file as the body. */
async function sendFile(model: string, file: Uint8Array | string, type?: string, more: Record<string, string> = {}) {
  const headers = { ...(type === undefined ? {} : { "Content-Type": type }), ...more };
  const body = typeof file === "string" ? file : new Uint8Array(file);
  const response = await fetch(`${served.url}/models/${model}`, { method: "POST", headers, body });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

describe("tasks of images", () => {
  it("are told by the config", () => {
    expect(server.models.map(({ id, task }) => id === task)).toEqual([true, true, true]);
  });

  it("image-classification", async () => {
    const wanted = await served.reference("image-classification", "image-classification", png("wide"));
    for (const type of ["image/png", "image/jpeg", "application/octet-stream"])
      expect(await sendFile("image-classification", png("wide"), type)).toEqual({ status: 200, body: wanted });
    expect(await sendFile("image-classification", png("wide"))).toEqual({ status: 200, body: wanted });
    expect(await served.result("/models/image-classification", { inputs: base64("wide") })).toEqual(wanted);
    const parameters = { top_k: 2, function_to_apply: "sigmoid" };
    const options = { topK: 2, functionToApply: "sigmoid" };
    expect(
      await served.result("/models/image-classification", { inputs: [base64("wide"), base64("grey")], parameters }),
    ).toEqual(
      await served.reference("image-classification", "image-classification", [png("wide"), png("grey")], options),
    );
  });

  it("zero-shot-image-classification", async () => {
    const task = "zero-shot-image-classification";
    const wanted = await served.reference(task, task, png("tall"), LABELS);
    const parameters = { candidate_labels: LABELS };
    for (const inputs of [base64("tall"), { image: base64("tall") }])
      expect(await served.result(`/models/${task}`, { inputs, parameters })).toEqual(wanted);
    const template = { ...parameters, hypothesis_template: "a {} in the rain" };
    expect(await served.result(`/models/${task}`, { inputs: base64("tall"), parameters: template })).toEqual(
      await served.reference(task, task, png("tall"), LABELS, { hypothesisTemplate: "a {} in the rain" }),
    );
    expect(await sendFile(task, png("tall"), "image/png")).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("candidate_labels") },
    });
  });

  it("image-feature-extraction", async () => {
    const task = "image-feature-extraction";
    const [states] = (await served.reference(task, task, png("wide"))) as number[][][]; // safe because features are [1, T, D]
    expect(await sendFile(task, png("wide"), "image/png")).toEqual({ status: 200, body: states });
    const [pooled] = (await served.reference(task, task, png("wide"), { pool: true })) as number[][]; // safe because they are [1, D]
    expect(await served.result(`/models/${task}`, { inputs: base64("wide"), parameters: { pool: true } })).toEqual(
      pooled,
    );
  });

  it("run together where their options are the same", async () => {
    const names = ["wide", "tall", "grey", "clear"];
    const before = server.models[0]?.runs ?? 0;
    // So many that some come while others wait, however slowly they come.
    const many = Array.from({ length: 5 }, () => names).flat();
    const all = await Promise.all(many.map((name) => sendFile("image-classification", png(name), "image/png")));
    expect((server.models[0]?.runs ?? 0) - before).toBeLessThan(16);
    for (const [at, name] of names.entries()) {
      const wanted = (await served.reference("image-classification", "image-classification", png(name))) as {
        label: string;
      }[]; // safe because an image gives a list
      expect(all[at]?.body.map(({ label }: { label: string }) => label)).toEqual(wanted.map(({ label }) => label));
    }
  });
});

describe("what is no image", () => {
  it.each([
    ["a path", join(served.root, "wide.png"), "base64"],
    ["an address", "http://127.0.0.1:1/wide.png", "base64"],
    ["an address of data", "data:image/png;base64,AAAA", "base64"],
    ["nothing", "", "base64"],
    ["a number", 5, "base64"],
    ["an object", { picture: "AAAA" }, "base64"],
    ["base64 of something else", Buffer.from("hello, this is a text").toString("base64"), "image"],
    ["half a picture", base64("wide").slice(0, 40), "image"],
  ])("%s is refused", async (_, inputs, said) => {
    const answer = await served.post("/models/image-classification", { inputs });
    expect(answer).toMatchObject({ status: 422, body: { error: expect.stringContaining(said) } });
    expect(JSON.stringify(answer.body)).not.toContain(served.root);
  });

  it("bodies of other types, empty ones, large ones and too many", async () => {
    const task = "image-classification";
    expect(await sendFile(task, "hello", "text/plain")).toMatchObject({
      status: 415,
      body: { error: expect.stringContaining("image/*") },
    });
    expect(await sendFile(task, "{", "application/json")).toMatchObject({ status: 400 });
    expect(await sendFile(task, "", "image/png")).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("empty") },
    });
    expect(await sendFile(task, "not a picture", "image/png")).toMatchObject({ status: 422 });
    expect(await sendFile(task, new Uint8Array(200_000), "image/png")).toMatchObject({ status: 413 });
    // A page that a browser shows says where it is from.
    expect(await sendFile(task, png("wide"), undefined, { Origin: "http://page.test" })).toMatchObject({
      status: 415,
    });
    const many = { inputs: Array.from({ length: 5 }, () => base64("grey")) };
    expect(await served.post(`/models/${task}`, many)).toMatchObject({
      status: 413,
      body: { error: expect.stringContaining("5 images") },
    });
    expect(await served.post(`/models/${task}`, { inputs: base64("wide"), parameters: { topk: 1 } })).toMatchObject({
      status: 400,
    });
  });

  it("fails alone", async () => {
    const bodies = [png("wide"), Buffer.from("no picture"), png("tall")];
    const all = await Promise.all(bodies.map((body) => sendFile("image-classification", body, "image/png")));
    expect(all.map(({ status }) => status)).toEqual([200, 422, 200]);
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
