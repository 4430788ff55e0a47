// abrazo org: organizations and who belongs to them. Routes of an Abrazo hub.
import {
  addOrganizationMember,
  createOrganization,
  listOrganizationMembers,
  removeOrganizationMember,
  setOrganizationRole,
} from "../../hub/accounts.ts";
import { readAccess, writeAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { oneOf } from "../repository.ts";
import { table } from "../table.ts";

const ORG = { name: "ORG", summary: "The organization" } as const;
const USER = { name: "USER", summary: "The user" } as const;
const ROLES = ["read", "contributor", "write", "admin"] as const;
const ROLE = { name: "ROLE", summary: "read, contributor (makes own repositories), write or admin" } as const;

export const orgCreate = defineCommand({
  name: "org create",
  summary: "Make an organization; you are its first administrator.",
  args: [ORG],
  flags: { ...HUB_FLAGS, "full-name": { type: "string", value: "TEXT", summary: "Name that is shown" } },
  examples: ['abrazo org create team --full-name "The Team"'],
  run: async ({ args: [org = ""], flags, ui }) => {
    const access = writeAccess(flags);
    await createOrganization(access, org, { fullname: flags["full-name"] });
    ui.result({ name: org, url: `${access.endpoint}/${org}` }, `Created ${access.endpoint}/${org}`);
  },
});

export const orgMembers = defineCommand({
  name: "org members",
  summary: "List who belongs to an organization.",
  args: [ORG],
  flags: HUB_FLAGS,
  examples: ["abrazo org members team"],
  run: async ({ args: [org = ""], flags, ui }) => {
    const members = await listOrganizationMembers(readAccess(flags), org);
    const rows = members.map(({ user, role, fullname }) => [user, role ?? "", fullname ?? ""]);
    ui.result(members, table(["USER", "ROLE", "NAME"], rows));
  },
});

export const orgAdd = defineCommand({
  name: "org add",
  summary: "Take a user into an organization.",
  args: [ORG, USER, { ...ROLE, optional: true }],
  flags: HUB_FLAGS,
  examples: ["abrazo org add team bob write"],
  run: async ({ args: [org = "", user = "", word = "read"], flags, ui }) => {
    const role = oneOf("ROLE", word, ROLES);
    await addOrganizationMember(writeAccess(flags), org, user, role);
    ui.result({ org, user, role }, `${user} belongs to ${org}: ${role}`);
  },
});

export const orgRole = defineCommand({
  name: "org role",
  summary: "Change what a member may do.",
  args: [ORG, USER, ROLE],
  flags: HUB_FLAGS,
  examples: ["abrazo org role team bob admin"],
  run: async ({ args: [org = "", user = "", word = ""], flags, ui }) => {
    const role = oneOf("ROLE", word, ROLES);
    await setOrganizationRole(writeAccess(flags), org, user, role);
    ui.result({ org, user, role }, `${user} in ${org}: ${role}`);
  },
});

export const orgRemove = defineCommand({
  name: "org remove",
  summary: "Take a member out of an organization.",
  args: [ORG, USER],
  flags: HUB_FLAGS,
  examples: ["abrazo org remove team bob"],
  run: async ({ args: [org = "", user = ""], flags, ui }) => {
    await removeOrganizationMember(writeAccess(flags), org, user);
    ui.result({ org, removed: user }, `${user} no longer belongs to ${org}`);
  },
});
