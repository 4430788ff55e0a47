// abrazo webhook: what a hub calls when something happens.
import { REPO_TYPES } from "../../hub/repo-id.ts";
import {
  createWebhook,
  deleteWebhook,
  listWebhookDeliveries,
  listWebhooks,
  replayWebhook,
  setWebhookEnabled,
  type Webhook,
} from "../../hub/webhooks.ts";
import { readAccess, writeAccess } from "../access.ts";
import { type Command, defineCommand, HUB_FLAGS } from "../command.ts";
import { oneOf, usage } from "../repository.ts";
import { shortDate, table } from "../table.ts";

const ID = { name: "ID", summary: "Its id, as webhook list shows it" } as const;
const WATCHED = ["user", "org", ...REPO_TYPES] as const;
const DOMAINS = ["repo", "discussion"] as const;

const rowOf = ({ id, url, watched, domains, disabled }: Webhook): string[] => [
  ...[id, disabled === false ? "on" : disabled === true ? "off" : disabled, domains.join(", ")],
  ...[watched.map(({ type, name }) => `${type}:${name}`).join(", "), url ?? ""],
];

export const webhookList = defineCommand({
  name: "webhook list",
  summary: "List your webhooks.",
  flags: HUB_FLAGS,
  examples: ["abrazo webhook list"],
  run: async ({ flags, ui }) => {
    const webhooks = await listWebhooks(readAccess(flags));
    ui.result(webhooks, table(["ID", "STATE", "EVENTS", "WATCHES", "URL"], webhooks.map(rowOf)));
  },
});

export const webhookCreate = defineCommand({
  name: "webhook create",
  summary: "Have the hub call an address when something happens.",
  args: [{ name: "URL", summary: "Address that is called" }],
  flags: {
    ...HUB_FLAGS,
    watch: {
      type: "string",
      many: true,
      value: "TYPE:NAME",
      summary: "What is watched: user, org, model, dataset or space and its name; may be given again",
    },
    events: { type: "string", many: true, value: DOMAINS.join("|"), summary: "Kinds of events; both when left out" },
    secret: { type: "string", value: "TEXT", summary: "Sent along, so that the receiver knows who calls" },
  },
  examples: [
    "abrazo webhook create https://ci.example.org/hub --watch user:ana",
    "abrazo webhook create https://ci.example.org/hub --watch model:ana/mood --events repo --secret s3cret",
  ],
  run: async ({ args: [url = ""], flags, ui }) => {
    const watched = (flags.watch ?? []).map((word) => {
      const [, type = "", name = ""] = /^([^:]*):(.+)$/.exec(word) ?? [];
      if (name === "") throw usage(`--watch is no "${word}".`, "Give it as user:ana or model:ana/mood.");
      return { type: oneOf("The kind in --watch", type, WATCHED), name };
    });
    if (watched.length === 0) throw usage("Nothing is watched.", "Pass --watch user:NAME or --watch model:NS/NAME.");
    const domains = flags.events?.map((word) => oneOf("--events", word, DOMAINS));
    const made = await createWebhook(writeAccess(flags), url, { watched, domains, secret: flags.secret });
    ui.result(made, `Created ${made.id}`);
  },
});

export const webhookDelete = defineCommand({
  name: "webhook delete",
  summary: "Delete a webhook.",
  args: [ID],
  flags: HUB_FLAGS,
  examples: ["abrazo webhook delete 65f0a1b2c3d4e5f601234567"],
  run: async ({ args: [id = ""], flags, ui }) => {
    await deleteWebhook(writeAccess(flags), id);
    ui.result({ deleted: id }, `Deleted ${id}`);
  },
});

const switchCommand = (action: "enable" | "disable"): Command =>
  defineCommand({
    name: `webhook ${action}`,
    summary: action === "enable" ? "Switch a webhook on." : "Switch a webhook off, without deleting it.",
    args: [ID],
    flags: HUB_FLAGS,
    examples: [`abrazo webhook ${action} 65f0a1b2c3d4e5f601234567`],
    run: async ({ args: [id = ""], flags, ui }) => {
      const webhook = await setWebhookEnabled(writeAccess(flags), id, action === "enable");
      ui.result(webhook, `${id} is ${action === "enable" ? "on" : "off"}.`);
    },
  });

export const webhookEnable = switchCommand("enable");
export const webhookDisable = switchCommand("disable");

export const webhookLogs = defineCommand({
  name: "webhook logs",
  summary: "List what a webhook was told lately, and what its receiver answered.",
  args: [ID],
  flags: HUB_FLAGS,
  examples: ["abrazo webhook logs 65f0a1b2c3d4e5f601234567"],
  run: async ({ args: [id = ""], flags, ui }) => {
    const found = await listWebhookDeliveries(readAccess(flags), id);
    const rows = found.map(({ id: delivery, createdAt, state, attempts, status, payload: { event } }) => [
      ...[delivery, shortDate(createdAt), `${event?.action ?? ""} ${event?.scope ?? ""}`.trim(), state],
      ...[`${attempts}`, status == null ? "none" : `${status}`],
    ]);
    ui.result(found, table(["DELIVERY", "DATE", "EVENT", "STATE", "TRIES", "ANSWER"], rows));
  },
});

export const webhookReplay = defineCommand({
  name: "webhook replay",
  summary: "Send again what a webhook was told.",
  args: [ID, { name: "DELIVERY", summary: "Id of the delivery, as webhook logs shows it" }],
  flags: HUB_FLAGS,
  examples: ["abrazo webhook replay 65f0a1b2c3d4e5f601234567 66a1b2c3d4e5f60123456789"],
  run: async ({ args: [id = "", delivery = ""], flags, ui }) => {
    const status = await replayWebhook(writeAccess(flags), id, delivery);
    ui.result({ id, delivery, status }, `${delivery} was sent again; the receiver answered ${status ?? "nothing"}.`);
  },
});
