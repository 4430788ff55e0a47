// An organization: what it has and who belongs; its settings; and the form that makes one.
import { ORG_ROLES, type OrgRole } from "../../db/schema/organizations.ts";
import type { Member } from "../../services/organizations.ts";
import type { Account } from "../../services/users.ts";
import { many } from "../format.ts";
import { Avatar, Page, type Shell } from "../layout.tsx";
import { Problem } from "./account.tsx";
import { type Found, Shelf } from "./home.tsx";

/** What each role may do, for whoever gives it. */
const ROLE_WORDS: Readonly<Record<OrgRole, string>> = {
  read: "read: see private repositories",
  contributor: "contributor: also make repositories, and change those",
  write: "write: change all repositories",
  admin: "admin: manage the organization",
};

export interface OrgValues {
  name: string;
  fullName: string;
  details: string;
}

export const NewOrgPage = ({
  shell,
  problem,
  values = { name: "", fullName: "", details: "" },
}: {
  shell: Shell;
  problem?: string;
  values?: OrgValues;
}) => (
  <Page title="New organization" shell={shell}>
    <form class="form panel" method="post" action="/organizations/new">
      <h1>New organization</h1>
      <p class="muted">Its members share repositories. You will be its first administrator.</p>
      <Problem text={problem} />
      <label for="name">Name</label>
      <input
        id="name"
        name="name"
        required
        maxlength={96}
        autocapitalize="none"
        autocomplete="off"
        value={values.name}
        aria-describedby="name-hint"
      />
      <p class="hint" id="name-hint">
        Letters, digits, “-”, “_” and “.”. It begins the name of every repository, and nobody else has it.
      </p>
      <Described values={values} />
      <button type="submit">Make the organization</button>
    </form>
  </Page>
);

const Described = ({ values }: { values: Pick<OrgValues, "fullName" | "details"> }) => (
  <>
    <label for="full_name">Full name</label>
    <input id="full_name" name="full_name" maxlength={100} autocomplete="off" value={values.fullName} />
    <label for="details">What it is about</label>
    <textarea id="details" name="details" rows={3} maxlength={500}>
      {values.details}
    </textarea>
  </>
);

export function OrgPage({
  shell,
  org,
  role,
  members,
  models,
  datasets,
}: {
  shell: Shell;
  org: Account;
  role: OrgRole | undefined;
  members: readonly Member[];
  models: Found;
  datasets: Found;
}) {
  const all = (type: string) => `/${type}?${new URLSearchParams({ author: org.name })}`;
  return (
    <Page title={org.fullName ?? org.name} shell={shell} description={org.details ?? undefined}>
      <div class="row person">
        <Avatar name={org.name} />
        <h1>{org.fullName ?? org.name}</h1>
        <span class="badge">organization</span>
        <span class="grow" />
        {role === "admin" ? (
          <a class="button quiet" href={`/organizations/${org.name}/settings`}>
            Settings
          </a>
        ) : null}
      </div>
      {org.details === null ? null : <p class="lead">{org.details}</p>}
      <section class="people" aria-label="Members">
        <h2>{many(members.length, "member")}</h2>
        <ul>
          {members.map(({ user }) => (
            <li>
              <a class="row" href={`/${user.name}`}>
                <Avatar name={user.name} />
                <bdi>{user.name}</bdi>
              </a>
            </li>
          ))}
        </ul>
      </section>
      <div class="halves">
        <Shelf type="model" found={models} all={all("models")} empty="No models." />
        <Shelf type="dataset" found={datasets} all={all("datasets")} empty="No datasets." />
      </div>
    </Page>
  );
}

export function OrgSettingsPage({
  shell,
  org,
  members,
  problem,
}: {
  shell: Shell;
  org: Account;
  members: readonly Member[];
  problem?: string;
}) {
  const base = `/organizations/${org.name}/settings`;
  return (
    <Page title={`Settings of ${org.name}`} shell={shell}>
      <h1>
        <a href={`/${org.name}`}>{org.name}</a>: settings
      </h1>
      <Problem text={problem} />
      <div class="tokens-page">
        <div>
          <h2>Members</h2>
          <ul class="token-list">
            {members.map((member) => (
              <MemberRow member={member} base={base} />
            ))}
          </ul>
        </div>
        <div>
          <form class="form panel" method="post" action={`${base}/members`}>
            <h2>Add a member</h2>
            <label for="user">User name</label>
            <input id="user" name="user" required autocapitalize="none" autocomplete="off" />
            <label for="role">Role</label>
            <select id="role" name="role">
              {ORG_ROLES.map((role) => (
                <option value={role}>{ROLE_WORDS[role]}</option>
              ))}
            </select>
            <button type="submit">Add</button>
          </form>
          <form class="form panel" method="post" action={base}>
            <h2>What it is</h2>
            <Described values={{ fullName: org.fullName ?? "", details: org.details ?? "" }} />
            <button type="submit">Save</button>
          </form>
        </div>
      </div>
    </Page>
  );
}

const MemberRow = ({ member: { user, role }, base }: { member: Member; base: string }) => (
  <li class="panel">
    <div class="row">
      <Avatar name={user.name} />
      <a class="grow" href={`/${user.name}`}>
        <bdi>{user.name}</bdi>
      </a>
      {user.kind === "service" ? <span class="badge">service account</span> : null}
    </div>
    <div class="row">
      <form class="row inline" method="post" action={`${base}/role`}>
        <input type="hidden" name="user" value={user.name} />
        <select name="role" aria-label={`Role of ${user.name}`}>
          {ORG_ROLES.map((one) => (
            <option value={one} selected={one === role}>
              {one}
            </option>
          ))}
        </select>
        <button class="small quiet" type="submit">
          Change
        </button>
      </form>
      <span class="grow" />
      <details class="confirm small">
        <summary aria-label={`Remove ${user.name}`}>Remove</summary>
        <form method="post" action={`${base}/remove`}>
          <input type="hidden" name="user" value={user.name} />
          <button class="danger" type="submit">
            Yes, remove
          </button>
        </form>
      </details>
    </div>
  </li>
);
