// Login, first set-up, new repository, access tokens, and pages that say what went wrong.
import { Page, type Shell } from "../layout.tsx";

const Problem = ({ text }: { text: string | undefined }) =>
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
      <input id="name" name="name" autocomplete="username" required value={name ?? ""} />
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required />
      <button type="submit">Log in</button>
    </form>
  </Page>
);

export const SetupPage = ({ shell, secret, problem }: { shell: Shell; secret: string; problem?: string }) => (
  <Page title="Set up" shell={shell}>
    <form class="form panel" method="post" action="/setup">
      <h1>Set up this hub</h1>
      <p class="muted">Make the first user. They may do everything.</p>
      <Problem text={problem} />
      <input type="hidden" name="secret" value={secret} />
      <label for="name">User name</label>
      <input id="name" name="name" autocomplete="username" required />
      <label for="password">Password, at least 8 characters</label>
      <input id="password" name="password" type="password" autocomplete="new-password" minlength={8} required />
      <button type="submit">Make the user</button>
    </form>
  </Page>
);

export const NewRepoPage = ({ shell, owner, problem }: { shell: Shell; owner: string; problem?: string }) => (
  <Page title="New repository" shell={shell}>
    <form class="form panel" method="post" action="/new">
      <h1>New repository</h1>
      <Problem text={problem} />
      <label for="type">Kind</label>
      <select id="type" name="type">
        <option value="model">Model</option>
        <option value="dataset">Dataset</option>
      </select>
      <label for="name">Name, under {owner}</label>
      <input id="name" name="name" required maxlength={96} pattern="[A-Za-z0-9_]([A-Za-z0-9_.\-]*[A-Za-z0-9_])?" />
      <label class="check">
        <input type="checkbox" name="private" value="yes" /> Private: only you see it
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
  tokens,
  made,
  problem,
}: {
  shell: Shell;
  tokens: readonly TokenRow[];
  made?: string;
  problem?: string;
}) => (
  <Page title="Access tokens" shell={shell}>
    <h1>Access tokens</h1>
    {made === undefined ? null : (
      <div class="note good" role="status">
        <p>Copy the token now; it is not shown again.</p>
        <pre tabindex={0}>
          <code>{made}</code>
        </pre>
      </div>
    )}
    <Problem text={problem} />
    {tokens.length === 0 ? (
      <p class="muted">No tokens yet.</p>
    ) : (
      <section class="scroll" tabindex={0} aria-label="Tokens">
        <table>
          <thead>
            <tr>
              <th>Name</th>
              <th>Role</th>
              <th>Token</th>
              <th>Last used</th>
              <th>
                <span class="muted">Revoke</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tokens.map(({ id, name, role, ending, lastUsedAt }) => (
              <tr>
                <td class="name">{name}</td>
                <td>{role}</td>
                <td class="mono date">hf_…{ending}</td>
                <td class="date">{lastUsedAt === null ? "never" : lastUsedAt.toISOString().slice(0, 10)}</td>
                <td>
                  <form method="post" action="/settings/tokens/revoke">
                    <input type="hidden" name="id" value={id} />
                    <button class="quiet" type="submit">
                      Revoke
                    </button>
                  </form>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    )}
    <form class="form" method="post" action="/settings/tokens">
      <h2>New token</h2>
      <label for="name">Name</label>
      <input id="name" name="name" required maxlength={80} />
      <label for="role">Role</label>
      <select id="role" name="role">
        <option value="write">write: push and delete</option>
        <option value="read">read: download alone</option>
      </select>
      <button type="submit">Make a token</button>
    </form>
  </Page>
);

export const ErrorPage = ({ shell, status, message }: { shell: Shell; status: number; message: string }) => (
  <Page title={`${status}`} shell={shell}>
    <div class="hero">
      <h1>{status === 404 ? "Not found" : "That did not work"}</h1>
      <p>{message}</p>
      <p>
        <a class="button" href="/models">
          Browse models
        </a>{" "}
        {shell.actor === undefined && status === 404 ? (
          <a href={`/login?next=${encodeURIComponent(shell.path)}`}>Log in to see private repositories</a>
        ) : null}
      </p>
    </div>
  </Page>
);
