// COMMANDS: every command, loaded when it is run.
import type { Command } from "../command.ts";

export const COMMANDS: Readonly<Record<string, { summary: string; load(): Promise<Command> }>> = {
  serve: { summary: "Start a hub", load: async () => (await import("./serve.ts")).serve },
  "admin user create": {
    summary: "Make a user of the hub on this machine",
    load: async () => (await import("./admin.ts")).adminUserCreate,
  },
  login: { summary: "Keep a token for a hub", load: async () => (await import("./login.ts")).login },
  logout: { summary: "Forget the token for a hub", load: async () => (await import("./login.ts")).logout },
  whoami: { summary: "The user behind the token", load: async () => (await import("./whoami.ts")).whoami },
  "repo create": { summary: "Make a repository", load: async () => (await import("./repo.ts")).repoCreate },
  "repo delete": { summary: "Delete a repository", load: async () => (await import("./repo.ts")).repoDelete },
  push: { summary: "Upload a folder as one commit", load: async () => (await import("./push.ts")).push },
  pull: { summary: "Download a repository", load: async () => (await import("./pull.ts")).pull },
  ls: { summary: "Files of a repository", load: async () => (await import("./ls.ts")).ls },
  run: { summary: "Run a task on texts", load: async () => (await import("./run.ts")).run },
  "serve-model": {
    summary: "Serve models over HTTP",
    load: async () => (await import("./serve-model.ts")).serveModel,
  },
  train: { summary: "Fine-tune a classifier on a file", load: async () => (await import("./train.ts")).train },
  "train sentiment": {
    summary: "Train the shipped classifier from nothing",
    load: async () => (await import("./train.ts")).trainSentiment,
  },
  "train generation": {
    summary: "Train the shipped text generator from nothing",
    load: async () => (await import("./train.ts")).trainGeneration,
  },
  evaluate: {
    summary: "Measure a classifier on a file",
    load: async () => (await import("./evaluate.ts")).evaluate,
  },
  card: { summary: "Write or refresh the card of a model folder", load: async () => (await import("./card.ts")).card },
  export: {
    summary: "Write an ONNX file for other runtimes",
    load: async () => (await import("./export.ts")).exportCommand,
  },
  quantize: {
    summary: "Write a model in fewer bits, and measure it",
    load: async () => (await import("./export.ts")).quantize,
  },
  prune: {
    summary: "Take out what a model needs least, and measure it",
    load: async () => (await import("./prune.ts")).prune,
  },
};
