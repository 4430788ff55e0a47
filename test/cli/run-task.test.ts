// What abrazo run makes of its arguments: inputs of tasks that take more than texts, results as JSON, flags that a task does not read.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { linesOf, runLines, runTask } from "../../src/cli/run-task.ts";
import { Image } from "../../src/data/index.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { addAdapter, saveAdapter } from "../../src/models/lora.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { runCli } from "../support/cli.ts";
import { tinyOnnx } from "../support/tiny-onnx.ts";

const model = packageFile("pipelines", "defaults", "text-classification");

it("features are numbers, a list for each text", async () => {
  const [first, second] = await runTask("feature-extraction", ["A quiet film.", "Dull."], { model });
  expect(first?.text).toBe("A quiet film.");
  const [states] = [first?.output as number[][]]; // safe because features of a text are a matrix
  expect(states[0]).toHaveLength(192);
  expect(second?.output).toHaveLength(states.length);
});

it("pictures and sounds that a task makes are data too", async () => {
  const root = await mkdtemp(join(tmpdir(), "abrazo-run-"));
  try {
    const [depth, speech, finder] = [
      await tinyOnnx(join(root, "depth"), "depth-estimation"),
      await tinyOnnx(join(root, "speech"), "text-to-audio"),
      await tinyOnnx(join(root, "finder"), "zero-shot-object-detection"),
    ];
    const picture = join(root, "picture.png");
    await new Image(
      Uint8Array.from({ length: 36 }, (_, at) => at * 7),
      4,
      3,
      3,
    ).save(picture);
    const [seen] = await runTask("depth-estimation", [picture], { model: depth });
    expect(seen?.output).toEqual({
      predictedDepth: [1, 2, 3].map(() => [1, 2, 3, 4].map(() => expect.any(Number))),
      depth: { width: 4, height: 3, channels: 1, data: expect.stringMatching(/^[A-Za-z0-9+/]{16}$/) },
    });
    const [said] = await runTask("text-to-audio", ["a red dog"], { model: speech });
    expect(said?.output).toEqual({ samplingRate: 8000, audio: Array.from({ length: 48 }, () => expect.any(Number)) });
    const [found] = await runTask("zero-shot-object-detection", [picture], { model: finder, labels: "a dog,a cat" });
    expect(found?.output).toBeInstanceOf(Array);
  } finally {
    await rm(root, { recursive: true });
  }
});

it("lines of a file come one by one, and are what they are as arguments", async () => {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-run-"));
  const file = join(folder, "texts.txt");
  const texts = ["I love it.", "Awful, and long too: a waste of an evening.", "Fine."];
  try {
    await writeFile(file, `${texts[0]}\r\n\n${texts[1]}\n   \n${texts[2]}`);
    const results: unknown[] = [];
    for await (const result of runLines("sentiment-analysis", linesOf(file), { model })) results.push(result);
    expect(results).toEqual(await runTask("sentiment-analysis", texts, { model }));
    const nothing: unknown[] = [];
    await writeFile(file, "\n\n");
    for await (const result of runLines("sentiment-analysis", linesOf(file), { model })) nothing.push(result);
    expect(nothing).toEqual([]);
    const missing = runLines("sentiment-analysis", linesOf(join(folder, "none.txt")), { model });
    await expect(missing.next()).rejects.toMatchObject({ code: "FILE_MISSING" });
    await expect(runLines("fill-mask", linesOf(file), { labels: "a" }).next()).rejects.toMatchObject({ code: "USAGE" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("texts come from arguments, from a file, or from standard input", async () => {
  const home = await mkdtemp(join(tmpdir(), "abrazo-run-"));
  const run = (args: string[], input?: string) =>
    runCli(["run", "sentiment-analysis", ...args, "--model", model], { home, ...(input !== undefined && { input }) });
  try {
    const [piped, both, none] = await Promise.all([
      run(["--file", "-", "--json"], "Wonderful.\nA bore.\n"),
      run(["Fine.", "--file", "-"], "Fine.\n"),
      run([]),
    ]);
    const labels = JSON.parse(piped.stdout).map(({ text, output }: { text: string; output: { label: string } }) => [
      text,
      output.label,
    ]);
    expect([piped.status, labels]).toEqual([
      0,
      [
        ["Wonderful.", "POSITIVE"],
        ["A bore.", "NEGATIVE"],
      ],
    ]);
    expect([both.status, none.status]).toEqual([2, 2]);
    expect(both.stderr).toContain("both are given");
    expect(none.stderr).toContain("TEXT is missing.");
    const people = await run(["--file", "-"], "Wonderful.\nA bore.\n");
    expect(people.stdout).toMatch(/^POSITIVE {2}0\.\d{4} {2}Wonderful\.\nNEGATIVE {2}0\.\d{4} {2}A bore\.\n$/);
  } finally {
    await rm(home, { recursive: true });
  }
});

it("weights are in as many bits as are asked for", async () => {
  const scores: unknown[] = [];
  for (const dtype of ["fp32", "q8", "q4"]) {
    const [result] = await runTask("sentiment-analysis", ["A delightful surprise."], { model, dtype });
    expect(result?.output).toMatchObject({ label: "POSITIVE", score: expect.closeTo(0.977, 1) });
    scores.push(JSON.stringify(result?.output));
  }
  expect(new Set(scores).size).toBe(3);
  await expect(runTask("sentiment-analysis", ["Fine."], { model, dtype: "q5" })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining("q4"),
  });
});

it("a model runs with an adapter", async () => {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-run-"));
  const texts = ["A delightful surprise."];
  try {
    const base = await loadPretrained(model);
    addAdapter(base, { r: 2, targetModules: ["q_lin"], bias: "all" }, { generator: new Generator(0) });
    noGrad(() => base.getParameter("classifier.bias").copy_(tensor([9, 0])));
    await saveAdapter(base, folder);
    const [plain] = await runTask("sentiment-analysis", texts, { model });
    const [adapted] = await runTask("sentiment-analysis", texts, { model, adapter: folder });
    expect([plain?.output, adapted?.output]).toMatchObject([{ label: "POSITIVE" }, { label: "NEGATIVE" }]);
    await expect(runTask("sentiment-analysis", texts, { model, adapter: model })).rejects.toMatchObject({
      message: expect.stringContaining("adapter_config.json"),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("a flag that a task needs, or does not read, is an error before anything is loaded", async () => {
  const texts = ["Who?"];
  await expect(runTask("question-answering", texts, { model: "nowhere" })).rejects.toMatchObject({
    code: "USAGE",
    message: "question-answering needs --context.",
  });
  await expect(runTask("zero-shot-classification", texts, { model: "nowhere" })).rejects.toMatchObject({
    message: "zero-shot-classification needs --labels.",
  });
  await expect(runTask("fill-mask", texts, { model: "nowhere", labels: "a,b" })).rejects.toMatchObject({
    message: "--labels changes nothing in fill-mask.",
  });
});

it("labels and contexts reach the task, which refuses a model that does another", async () => {
  await expect(
    runTask("zero-shot-classification", ["A goal."], { model, labels: "sport,politics" }),
  ).rejects.toMatchObject({
    code: "WRONG_TASK",
    message: expect.stringContaining("follows from another"),
  });
  await expect(runTask("question-answering", ["Who?"], { model, context: "Ana." })).rejects.toMatchObject({
    code: "WRONG_TASK",
  });
});
