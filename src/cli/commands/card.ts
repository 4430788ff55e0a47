// abrazo card: writes or refreshes the card of a model folder.
import { basename, resolve } from "node:path";
import { fullName } from "../../hub/repo-id.ts";
import { refreshCard } from "../card.ts";
import { defineCommand } from "../command.ts";
import { repoId } from "../repository.ts";

export const card = defineCommand({
  name: "card",
  summary: "Write or refresh README.md of a model folder from its files. What people wrote in it stays.",
  args: [
    { name: "DIR", summary: "Folder of the model" },
    { name: "NS/NAME", summary: "Name of its repository, for the example in the card", optional: true },
  ],
  examples: ["abrazo card ./model ana/sentiment-small"],
  run: async ({ args: [folder = "", name], ui }) => {
    const { changed, issues } = await refreshCard(
      folder,
      name === undefined ? basename(resolve(folder)) : fullName(repoId(name)),
    );
    const left = issues.map((issue) => `Left out: ${issue}`);
    ui.result(
      { changed, issues },
      [changed ? "README.md was written." : "README.md is up to date.", ...left].join("\n"),
    );
  },
});
