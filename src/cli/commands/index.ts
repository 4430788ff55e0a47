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
  doctor: { summary: "What is wrong between here and the hub", load: async () => (await import("./doctor.ts")).doctor },
  push: { summary: "Upload a folder as one commit", load: async () => (await import("./push.ts")).push },
  pull: { summary: "Download a repository", load: async () => (await import("./pull.ts")).pull },
  ls: { summary: "Files of a repository", load: async () => (await import("./ls.ts")).ls },
  log: { summary: "Commits of a repository", load: async () => (await import("./log.ts")).log },
  diff: { summary: "Files that differ between two revisions", load: async () => (await import("./log.ts")).diff },
  "repo list": { summary: "Repositories of a hub", load: async () => (await import("./repo.ts")).repoList },
  "repo create": { summary: "Make a repository", load: async () => (await import("./repo.ts")).repoCreate },
  "repo settings": { summary: "Who sees a repository", load: async () => (await import("./repo.ts")).repoSettings },
  "repo duplicate": { summary: "Copy a repository", load: async () => (await import("./repo.ts")).repoDuplicate },
  "repo move": { summary: "Rename a repository", load: async () => (await import("./repo.ts")).repoMove },
  "repo delete": { summary: "Delete a repository", load: async () => (await import("./repo.ts")).repoDelete },
  "branch list": { summary: "Branches of a repository", load: async () => (await import("./branch.ts")).branchList },
  "branch create": { summary: "Make a branch", load: async () => (await import("./branch.ts")).branchCreate },
  "branch delete": { summary: "Delete a branch", load: async () => (await import("./branch.ts")).branchDelete },
  "tag list": { summary: "Tags of a repository", load: async () => (await import("./branch.ts")).tagList },
  "tag create": { summary: "Tag a revision", load: async () => (await import("./branch.ts")).tagCreate },
  "tag delete": { summary: "Delete a tag", load: async () => (await import("./branch.ts")).tagDelete },
  "pr list": { summary: "Pull requests of a repository", load: async () => (await import("./discussion.ts")).prList },
  "pr show": { summary: "A pull request and its changes", load: async () => (await import("./discussion.ts")).prShow },
  "pr create": { summary: "Propose a change", load: async () => (await import("./discussion.ts")).prCreate },
  "pr checkout": {
    summary: "Download what is proposed",
    load: async () => (await import("./discussion.ts")).prCheckout,
  },
  "pr comment": {
    summary: "Comment on a pull request",
    load: async () => (await import("./discussion.ts")).prComment,
  },
  "pr merge": { summary: "Merge a pull request", load: async () => (await import("./discussion.ts")).prMerge },
  "pr close": { summary: "Close a pull request", load: async () => (await import("./discussion.ts")).prClose },
  "pr reopen": {
    summary: "Open a pull request again",
    load: async () => (await import("./discussion.ts")).prReopen,
  },
  "discussion list": {
    summary: "Discussions of a repository",
    load: async () => (await import("./discussion.ts")).discussionList,
  },
  "discussion show": {
    summary: "A discussion and its comments",
    load: async () => (await import("./discussion.ts")).discussionShow,
  },
  "discussion create": {
    summary: "Open a discussion",
    load: async () => (await import("./discussion.ts")).discussionCreate,
  },
  "discussion comment": {
    summary: "Comment on a discussion",
    load: async () => (await import("./discussion.ts")).discussionComment,
  },
  "discussion close": {
    summary: "Close a discussion",
    load: async () => (await import("./discussion.ts")).discussionClose,
  },
  "discussion reopen": {
    summary: "Open a discussion again",
    load: async () => (await import("./discussion.ts")).discussionReopen,
  },
  "collection ls": {
    summary: "Collections of a hub",
    load: async () => (await import("./collection.ts")).collectionLs,
  },
  "collection view": {
    summary: "A collection and what it holds",
    load: async () => (await import("./collection.ts")).collectionView,
  },
  "collection create": {
    summary: "Make a collection",
    load: async () => (await import("./collection.ts")).collectionCreate,
  },
  "collection add": {
    summary: "Put a repository into it",
    load: async () => (await import("./collection.ts")).collectionAdd,
  },
  "collection remove": {
    summary: "Take a repository out of it",
    load: async () => (await import("./collection.ts")).collectionRemove,
  },
  "collection edit": {
    summary: "Change its title, its description, who sees it",
    load: async () => (await import("./collection.ts")).collectionEdit,
  },
  "collection edit-item": {
    summary: "Change an item's note, or its place",
    load: async () => (await import("./collection.ts")).collectionEditItem,
  },
  "collection delete": {
    summary: "Delete a collection",
    load: async () => (await import("./collection.ts")).collectionDelete,
  },
  "token list": { summary: "Your tokens", load: async () => (await import("./token.ts")).tokenList },
  "token create": { summary: "Make a token", load: async () => (await import("./token.ts")).tokenCreate },
  "token revoke": { summary: "Revoke a token", load: async () => (await import("./token.ts")).tokenRevoke },
  "ssh-key list": { summary: "Your SSH keys", load: async () => (await import("./ssh-key.ts")).sshKeyList },
  "ssh-key add": { summary: "Add a public key", load: async () => (await import("./ssh-key.ts")).sshKeyAdd },
  "ssh-key remove": { summary: "Remove a key", load: async () => (await import("./ssh-key.ts")).sshKeyRemove },
  "org create": { summary: "Make an organization", load: async () => (await import("./org.ts")).orgCreate },
  "org members": { summary: "Who belongs to it", load: async () => (await import("./org.ts")).orgMembers },
  "org add": { summary: "Take a user into it", load: async () => (await import("./org.ts")).orgAdd },
  "org role": { summary: "Change what a member may do", load: async () => (await import("./org.ts")).orgRole },
  "org remove": { summary: "Take a member out", load: async () => (await import("./org.ts")).orgRemove },
  "webhook list": { summary: "Your webhooks", load: async () => (await import("./webhook.ts")).webhookList },
  "webhook create": { summary: "Make a webhook", load: async () => (await import("./webhook.ts")).webhookCreate },
  "webhook enable": {
    summary: "Switch a webhook on",
    load: async () => (await import("./webhook.ts")).webhookEnable,
  },
  "webhook disable": {
    summary: "Switch a webhook off",
    load: async () => (await import("./webhook.ts")).webhookDisable,
  },
  "webhook logs": { summary: "What a webhook was told", load: async () => (await import("./webhook.ts")).webhookLogs },
  "webhook replay": { summary: "Send it again", load: async () => (await import("./webhook.ts")).webhookReplay },
  "webhook delete": {
    summary: "Delete a webhook",
    load: async () => (await import("./webhook.ts")).webhookDelete,
  },
  "cache ls": { summary: "What the cache holds", load: async () => (await import("./cache.ts")).cacheLs },
  "cache verify": {
    summary: "Hash what is in the cache again",
    load: async () => (await import("./cache.ts")).cacheVerify,
  },
  "cache prune": {
    summary: "Delete what no branch or tag names",
    load: async () => (await import("./cache.ts")).cachePrune,
  },
  "cache rm": { summary: "Delete a repository from it", load: async () => (await import("./cache.ts")).cacheRm },
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
