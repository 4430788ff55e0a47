// Requests to a server of models: eight at once against eight one after the other.
import { modelServer } from "../pipelines/index.ts";
import { median, type Settings, timed, words } from "./pipelines-sides.ts";

const TOKENS = 48;

/** Requests to a server of the model: all at once against one after the other, which is what they took before they were batched. */
export async function serving(folder: string, { rounds: count }: Settings): Promise<void> {
  const prompts = Array.from({ length: 8 }, (_, at) => words(16 + 24 * at, at));
  for (const worker of [false, true]) {
    const server = await modelServer({ models: [{ model: folder, id: "model" }], worker });
    const { url } = await server.listen();
    const ask = async (prompt: string): Promise<void> => {
      const response = await fetch(`${url}/models/model`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          inputs: prompt,
          parameters: { do_sample: false, max_new_tokens: TOKENS, min_new_tokens: TOKENS },
        }),
      });
      if (!response.ok) throw new Error(await response.text());
    };
    await ask(words(4, 0));
    const times: { apart: number; together: number }[] = [];
    for (let round = 0; round < count; round++) {
      const apart = await timed(async () => {
        for (const prompt of prompts) await ask(prompt);
      });
      times.push({ apart, together: await timed(() => Promise.all(prompts.map(ask))) });
    }
    const of = (key: "apart" | "together") => median(times.map((each) => each[key]));
    console.log(
      `8 requests for ${TOKENS} tokens, ${worker ? "in a thread of the model's" : "in the server's thread"}: one after the other ${(of("apart") / 1000).toFixed(1)} s, at once ${(of("together") / 1000).toFixed(1)} s, ratio ${(of("apart") / of("together")).toFixed(2)}`,
    );
    await server.close();
  }
}
