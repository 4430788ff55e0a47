// Login, first set-up, new repository, access tokens.
import type { RepoType } from "../../../src/hub/repo-id.ts";
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
  ending: string;
  createdAt: Date;
  lastUsedAt: Date | null;
}

export const TokensPage = ({
  shell,
  origin,
  tokens,
  made,
}: {
  shell: Shell;
  origin: string;
  tokens: readonly TokenRow[];
  made?: string;
}) => (
  <Page title="Access tokens" shell={shell}>
    <h1>Access tokens</h1>
    <p class="muted lead">
      A token lets a tool act for you: push and delete with the role write, download what you may see with the role
      read.
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
        </select>
        <button type="submit">Make a token</button>
      </form>
    </div>
  </Page>
);

/** Revoking asks once more: whatever uses the token stops working at once. */
const Token = ({ token: { id, name, role, ending, createdAt, lastUsedAt } }: { token: TokenRow }) => (
  <li class="panel">
    <div class="row">
      <strong class="grow">
        <bdi>{name}</bdi>
      </strong>
      <span class="badge">{role}</span>
      <code>hf_…{ending}</code>
    </div>
    <div class="row small muted">
      <span>
        made <Day at={createdAt} />
      </span>
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
