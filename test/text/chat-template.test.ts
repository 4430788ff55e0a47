// Chat templates against transformers, and templates that mean harm: each must end, with an error that says why.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RENDER_LIMITS, renderTemplate } from "../../src/text/chat-renderer.ts";
import { type ChatMessage, type ChatTemplateOptions, Tokenizer } from "../../src/text/tokenizer.ts";
import { readGolden } from "./golden.ts";

interface Chat {
  templates: Record<string, string>;
  cases: {
    template: string;
    name: string;
    messages: ChatMessage[];
    options: ChatTemplateOptions & { tokenize?: false };
    /** Null where transformers throws. */
    text: string | null;
  }[];
}

const golden = readGolden<Chat>("chat.json");
const JSON_FILE = {
  added_tokens: [],
  pre_tokenizer: { type: "WhitespaceSplit" },
  model: { type: "WordLevel", vocab: { "<unk>": 0, "<s>": 1, "</s>": 2 }, unk_token: "<unk>" },
};
const CONFIG = { bos_token: "<s>", eos_token: { content: "</s>" } };
const USER = [{ role: "user", content: "Hello" }];

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-chat-"));
});
afterAll(() => rm(root, { recursive: true }));

describe.each(Object.entries(golden.templates))("%s", (template, text) => {
  const tokenizer = new Tokenizer(JSON_FILE, { ...CONFIG, chat_template: text });
  const cases = golden.cases.filter((each) => each.template === template);

  it.each(cases)("$name", async ({ messages, options, text: expected }) => {
    const rendered = tokenizer.applyChatTemplate(messages, options);
    if (expected === null) {
      await expect(rendered).rejects.toMatchObject({ code: expect.stringMatching(/^(CHAT_TEMPLATE|BAD_)/) });
    } else expect(await rendered).toBe(expected);
  });
});

describe("which template", () => {
  const chat_template = [
    { name: "default", template: "D {{ messages[0].content }}" },
    { name: "tool_use", template: "T {{ tools | length }}" },
    { name: "rag", template: "R" },
  ];

  it("is chosen by its name, by tools, or given as a text", async () => {
    const tokenizer = new Tokenizer(JSON_FILE, { chat_template });
    expect(tokenizer.chatTemplates).toEqual(["default", "tool_use", "rag"]);
    expect(await tokenizer.applyChatTemplate(USER)).toBe("D Hello");
    expect(await tokenizer.applyChatTemplate(USER, { tools: [{}] })).toBe("T 1");
    expect(await tokenizer.applyChatTemplate(USER, { chatTemplate: "rag" })).toBe("R");
    expect(await tokenizer.applyChatTemplate(USER, { chatTemplate: "{{ messages | length }}" })).toBe("1");
    await expect(tokenizer.applyChatTemplate(USER, { chatTemplate: "rug" })).rejects.toMatchObject({
      code: "CHAT_TEMPLATE",
      hint: 'Did you mean "rag"?',
    });
  });

  it("says so when there is none", async () => {
    await expect(new Tokenizer(JSON_FILE, {}).applyChatTemplate(USER)).rejects.toMatchObject({
      code: "CHAT_TEMPLATE",
      message: "The tokenizer has no chat template.",
    });
    const named = new Tokenizer(JSON_FILE, { chat_template: [{ name: "rag", template: "R" }] });
    await expect(named.applyChatTemplate(USER)).rejects.toMatchObject({ hint: expect.stringContaining("rag") });
  });

  it("is read from files, which stand before the configuration, and saved into files", async () => {
    const folder = await mkdtemp(join(root, "files-"));
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(JSON_FILE));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ ...CONFIG, chat_template }));
    await writeFile(join(folder, "chat_template.jinja"), "F {{ bos_token }}");
    await mkdir(join(folder, "additional_chat_templates"));
    await writeFile(join(folder, "additional_chat_templates", "short.jinja"), "S");
    const tokenizer = await Tokenizer.fromFolder(folder);
    const saved = join(root, "saved");
    await tokenizer.savePretrained(saved);
    for (const each of [tokenizer, await Tokenizer.fromFolder(saved)]) {
      expect(each.chatTemplates.toSorted()).toEqual(["default", "rag", "short", "tool_use"]);
      expect(await each.applyChatTemplate(USER)).toBe("F <s>");
      expect(await each.applyChatTemplate(USER, { chatTemplate: "short" })).toBe("S");
      expect(await each.applyChatTemplate(USER, { chatTemplate: "rag" })).toBe("R");
    }
  });
});

describe("options", () => {
  const tokenizer = new Tokenizer(JSON_FILE, { ...CONFIG, chat_template: "{{ bos_token }} {{ messages[0].content }}" });

  it("gives ids without further special tokens", async () => {
    expect(await tokenizer.applyChatTemplate(USER, { tokenize: true })).toEqual([1, 0]);
  });

  it("gives an error of ours for a slip, for what excludes each other, and for what is no value", async () => {
    await expect(tokenizer.applyChatTemplate(USER, { add_generation_promt: true })).rejects.toMatchObject({
      code: "UNKNOWN_OPTION",
      hint: expect.stringContaining("addGenerationPrompt"),
    });
    const both = { addGenerationPrompt: true, continueFinalMessage: true };
    await expect(tokenizer.applyChatTemplate(USER, both)).rejects.toMatchObject({ code: "BAD_OPTION" });
    await expect(tokenizer.applyChatTemplate([])).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
    await expect(tokenizer.applyChatTemplate(USER, { helper: () => 1 })).rejects.toMatchObject({
      code: "BAD_ARGUMENT",
    });
    expect(await tokenizer.applyChatTemplate(USER)).toBe("<s> Hello");
  });

  it("tells the time as Python does", async () => {
    const format = (text: string) =>
      tokenizer.applyChatTemplate(USER, { chatTemplate: `{{ strftime_now("${text}") }}` });
    expect(await format("%Y-%m-%d")).toMatch(/^20\d\d-[01]\d-[0-3]\d$/);
    expect(await format("%A, %d %B %Y %I:%M %p %j%%")).toMatch(
      /^[A-Z][a-z]+day, \d\d [A-Z][a-z]+ 20\d\d \d\d:\d\d [AP]M \d{3}%$/,
    );
  });
});

/** Processes that render, with those that started them. One that ended and that nobody has waited for has no arguments left. */
function renderers(): { pid: number; parent: number }[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const found = lines.map((line) => /^ *(\d+) +(\d+) .*chat-worker/.exec(line)).filter((match) => match !== null);
  return found.map(([, pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}

describe("templates that mean harm", () => {
  const limits = { ...RENDER_LIMITS, timeout: 1000 };
  const refused = (template: string) =>
    renderTemplate(template, { messages: USER }, limits).catch((error: unknown) => error);

  it("stops loops, and lets the event loop go on meanwhile", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    const start = performance.now();
    const nested = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    expect(await refused(nested)).toMatchObject({ code: "CHAT_TEMPLATE", message: expect.stringContaining("1000 ms") });
    clearInterval(timer);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(turns).toBeGreaterThan(20);
  });

  it("stops loops when the process that started them is killed", async () => {
    const renderer = new URL("../../src/text/chat-renderer.ts", import.meta.url).href;
    const nested = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    const program = `const { renderTemplate } = await import(${JSON.stringify(renderer)});
      renderTemplate(${JSON.stringify(nested)}, {}, { timeout: 60_000, maxLength: 10, memory: 256 });
      setTimeout(() => console.log("looping"), 1000);`;
    const parent = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(parent.stdout, "data");
    const rendering = renderers().filter((each) => each.parent === parent.pid);
    expect(rendering).toHaveLength(1);
    parent.kill("SIGKILL");
    await expect.poll(() => renderers().filter(({ pid }) => pid === rendering[0]?.pid)).toEqual([]);
  });

  it("refuses ranges as long as Python's sandbox does", async () => {
    const found = await refused("{% for a in range(1000000000) %}{% endfor %}");
    expect(found).toMatchObject({ code: "CHAT_TEMPLATE", message: expect.stringContaining("Range too big") });
    expect(await renderTemplate("{{ range(100000) | length }}", {}, limits)).toBe("100000");
    expect(await renderTemplate("{{ range(5, 0, -2) | join(',') }}", {}, limits)).toBe("5,3,1");
  });

  it("refuses texts and lists that double and double", async () => {
    const text =
      "{% set ns = namespace(x='0123456789') %}{% for a in range(26) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    expect(await refused(`${text}{{ ns.x }}`)).toMatchObject({ code: "CHAT_TEMPLATE" });
    const list =
      "{% set ns = namespace(x=[1, 2, 3]) %}{% for a in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}";
    expect(await refused(list)).toMatchObject({ code: "CHAT_TEMPLATE" });
    const many = "{% for a in range(100000) %}{% for b in range(200) %}{{ '0123456789' }}{% endfor %}{% endfor %}";
    expect(await refused(many)).toMatchObject({ code: "CHAT_TEMPLATE" });
    const deep = `{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}`;
    expect(await refused(deep)).toMatchObject({ code: "CHAT_TEMPLATE" });
  });

  it("refuses what is no template, and serves the next one all the same", async () => {
    for (const template of ["{% if %}", "{{ ", "{% for x in %}", "{% endfor %}"]) {
      expect(await refused(template), template).toMatchObject({ code: "CHAT_TEMPLATE" });
    }
    expect(await renderTemplate("{{ messages[0].role }}", { messages: USER }, limits)).toBe("user");
  });

  it("reaches nothing outside", async () => {
    const reach = "{{ messages.constructor.constructor('return process')() }}";
    expect(await refused(reach)).toMatchObject({ code: "CHAT_TEMPLATE" });
    expect(
      await renderTemplate("[{{ process }}{{ globalThis }}{{ messages.__proto__ }}]", { messages: USER }, limits),
    ).toBe("[]");
  });
});
