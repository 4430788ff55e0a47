// Texts through a pipeline, one result a text.
import { pipeline } from "../../pipelines/index.ts";

interface Flags {
  model?: string;
  revision?: string;
  device?: string;
  endpoint?: string;
  token?: string;
}

export async function runTask(
  task: string,
  texts: readonly string[],
  flags: Flags,
): Promise<{ text: string; output: unknown }[]> {
  const { model, ...given } = flags;
  const options = Object.fromEntries(
    ["revision", "device", "endpoint", "token"].flatMap((name) => {
      const value = given[name as keyof typeof given]; // safe because the names are those of the flags
      return value === undefined ? [] : [[name, value]];
    }),
  );
  // safe because pipeline() itself refuses an unknown task, with the nearest name
  const run = await pipeline(task as "text-classification", model, options);
  try {
    const outputs: unknown[] = await run([...texts]);
    return texts.map((text, index) => ({ text, output: outputs[index] }));
  } finally {
    await run.dispose();
  }
}
