// Login, first set-up, new repository, access tokens.
import type { RepoType } from "../../../src/hub/repo-id.ts";
import { PERMISSIONS } from "../../services/scopes.ts";
import { Day, Snippet } from "../components/repo.tsx";
import { Page, type Shell } from "../layout.tsx";

export const Problem = ({ text }: { text: string | undefined }) =>
  text === undefined ? null : (
    <p class="note bad" role="alert">
      {text}
    </p>
  );

export const LoginPage = ({
  shell,
  next,
  problem,
  name,
}: {
  shell: Shell;
  next: string;
  problem?: string;
  name?: string;
}) => (
  <Page title="Log in" shell={shell}>
    <form class="form panel" method="post" action="/login">
      <h1>Log in</h1>
      <Problem text={problem} />
      <input type="hidden" name="next" value={next} />
      <label for="name">User name</label>
      <input
        id="name"
        name="name"
        autocomplete="username"
        autocapitalize="none"
        required
        value={name ?? ""}
        autofocus={name === undefined}
      />
      <label for="password">Password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="current-password"
        required
        autofocus={name !== undefined}
      />
      <button type="submit">Log in</button>
      <p class="small muted">
        No account? Whoever runs this hub makes one with <code>abrazo admin user create</code>.
      </p>
    </form>
  </Page>
);

export const SetupPage = ({
  shell,
  secret,
  problem,
  name,
}: {
  shell: Shell;
  secret: string;
  problem?: string;
  name?: string;
}) => (
  <Page title="Set up" shell={shell}>
    <form class="form panel" method="post" action="/setup">
      <h1>Set up this hub</h1>
      <p class="muted">Make the first user, an administrator: they see and may change everything here.</p>
      <Problem text={problem} />
      <input type="hidden" name="secret" value={secret} />
      <label for="name">User name</label>
      <input
        id="name"
        name="name"
        autocomplete="username"
        autocapitalize="none"
        required
        maxlength={96}
        value={name ?? ""}
        aria-describedby="name-hint"
      />
      <p class="hint" id="name-hint">
        Letters, digits, “-”, “_” and “.”. It begins the name of every repository: name/model.
      </p>
      <label for="password">Password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="new-password"
        minlength={8}
        required
        aria-describedby="password-hint"
      />
      <p class="hint" id="password-hint">
        At least 8 characters.
      </p>
      <button type="submit">Make the user</button>
    </form>
  </Page>
);

export interface NewRepoValues {
  type: RepoType;
  name: string;
  isPrivate: boolean;
}

export const NewRepoPage = ({
  shell,
  owner,
  problem,
  values = { type: "model", name: "", isPrivate: false },
}: {
  shell: Shell;
  owner: string;
  problem?: string;
  values?: NewRepoValues;
}) => (
  <Page title="New repository" shell={shell}>
    <form class="form panel" method="post" action="/new">
      <h1>New repository</h1>
      <p class="muted">
        Or push straight away: <code>abrazo push</code> makes the repository that it pushes to.
      </p>
      <Problem text={problem} />
      <fieldset>
        <legend>Kind</legend>
        <label class="check">
          <input type="radio" name="type" value="model" checked={values.type === "model"} /> Model
        </label>
        <label class="check">
          <input type="radio" name="type" value="dataset" checked={values.type === "dataset"} /> Dataset
        </label>
      </fieldset>
      <label for="name">Name</label>
      <div class="prefixed">
        <span>{owner}/</span>
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
      </div>
      <p class="hint" id="name-hint">
        Letters, digits, “-”, “_” and “.”.
      </p>
      <label class="check">
        <input type="checkbox" name="private" value="yes" checked={values.isPrivate} />
        <span>Private: only you and administrators see it</span>
      </label>
      <button type="submit">Create</button>
    </form>
  </Page>
);

interface TokenRow {
  id: string;
  name: string;
  role: string;
  /** What a fine-grained one allows, in words. */
  scopes: readonly string[];
  ending: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

export const TokensPage = ({
  shell,
  origin,
  tokens,
  places,
  made,
  problem,
}: {
  shell: Shell;
  origin: string;
  tokens: readonly TokenRow[];
  /** The user and their organizations: what a fine-grained token may be for. */
  places: readonly string[];
  made?: string;
  problem?: string;
}) => (
  <Page title="Access tokens" shell={shell}>
    <h1>Access tokens</h1>
    <p class="muted lead">
      A token lets a tool act for you: push and delete with the role write, download what you may see with the role
      read, and exactly what you tick with the role fine-grained.
    </p>
    {made === undefined ? null : (
      <div class="note good" role="status">
        <p>
          <strong>Copy the token now</strong>; it is not shown again.
        </p>
        <div class="code-box">
          <pre tabindex={0}>
            <code data-copy>{made}</code>
          </pre>
        </div>
        <Snippet title="Then log in with it:" code={`abrazo login --endpoint ${origin}`} />
      </div>
    )}
    <Problem text={problem} />
    <div class="tokens-page">
      <div>
        {tokens.length === 0 ? (
          <p class="blank panel">No tokens yet.</p>
        ) : (
          <ul class="token-list">
            {tokens.map((token) => (
              <Token token={token} />
            ))}
          </ul>
        )}
      </div>
      <form class="form panel" method="post" action="/settings/tokens">
        <h2>New token</h2>
        <label for="name">Name</label>
        <input id="name" name="name" required maxlength={80} autocomplete="off" aria-describedby="name-hint" />
        <p class="hint" id="name-hint">
          Where it will be used, for example “laptop”.
        </p>
        <label for="role">Role</label>
        <select id="role" name="role">
          <option value="write">write: push and delete</option>
          <option value="read">read: download alone</option>
          <option value="fineGrained">fine-grained: what is ticked below</option>
        </select>
        <label for="days">Ends</label>
        <select id="days" name="days">
          <option value="">never</option>
          <option value="7">in 7 days</option>
          <option value="30">in 30 days</option>
          <option value="90">in 90 days</option>
          <option value="365">in a year</option>
        </select>
        <details class="fine">
          <summary>Permissions of a fine-grained token</summary>
          {places.map((place) => (
            <fieldset>
              <legend>{place}</legend>
              <Permissions name={`of ${place}`} except={place === places[0] ? "org." : "user."} />
            </fieldset>
          ))}
          <fieldset>
            <legend>One repository</legend>
            <label for="repo">Name</label>
            <input id="repo" name="repo" placeholder="ana/mood or datasets/ana/reviews" autocomplete="off" />
            <label for="repo_permission">Permission</label>
            <select id="repo_permission" name="repo_permission">
              {REPO_PERMISSIONS.map((name) => (
                <option value={name}>{PERMISSIONS[name]}</option>
              ))}
            </select>
          </fieldset>
          <label class="check">
            <input type="checkbox" name="gated" value="yes" />
            <span>Read gated repositories that you have access to</span>
          </label>
          <label class="check">
            <input type="checkbox" name="everywhere" value="discussion.write" />
            <span>Take part in discussions everywhere</span>
          </label>
        </details>
        <button type="submit">Make a token</button>
      </form>
    </div>
  </Page>
);

const REPO_PERMISSIONS = ["repo.content.read", "repo.write", "repo.manage"] as const;

const Permissions = ({ name, except }: { name: string; except: string }) => (
  <>
    {Object.entries(PERMISSIONS)
      .filter(([permission]) => !permission.startsWith(except))
      .map(([permission, words]) => (
        <label class="check">
          <input type="checkbox" name={name} value={permission} /> <span>{words}</span>
        </label>
      ))}
  </>
);

/** Revoking asks once more: whatever uses the token stops working at once. */
const Token = ({
  token: { id, name, role, scopes, ending, createdAt, expiresAt, lastUsedAt },
}: {
  token: TokenRow;
}) => (
  <li class="panel">
    <div class="row">
      <strong class="grow">
        <bdi>{name}</bdi>
      </strong>
      <span class="badge">{role === "fineGrained" ? "fine-grained" : role}</span>
      <code>hf_…{ending}</code>
    </div>
    {scopes.length === 0 ? null : <p class="small muted broken">{scopes.join("; ")}</p>}
    <div class="row small muted">
      <span>
        made <Day at={createdAt} />
      </span>
      {expiresAt === null ? null : (
        <span>
          {expiresAt.getTime() < Date.now() ? "ended" : "ends"} <Day at={expiresAt} />
        </span>
      )}
      <span>{lastUsedAt === null ? "never used" : <>last used {<Day at={lastUsedAt} />}</>}</span>
      <span class="grow" />
      <details class="confirm">
        <summary aria-label={`Revoke ${name}`}>Revoke</summary>
        <form method="post" action="/settings/tokens/revoke">
          <input type="hidden" name="id" value={id} />
          <button class="danger" type="submit">
            Yes, revoke it
          </button>
        </form>
      </details>
    </div>
  </li>
);
