// The page of a user's SSH keys.
import type { SshKey } from "../../services/ssh-keys.ts";
import { Day, Snippet } from "../components/repo.tsx";
import { Page, type Shell } from "../layout.tsx";
import { Problem } from "./account.tsx";

export const SshKeysPage = ({
  shell,
  ssh,
  fingerprint,
  keys,
  problem,
  typed = { title: "", key: "" },
}: {
  shell: Shell;
  /** Where git is served over SSH; undefined where it is not. */
  ssh: string | undefined;
  /** Of the hub's own key. */
  fingerprint: string | undefined;
  keys: readonly SshKey[];
  problem?: string | undefined;
  typed?: { title: string; key: string };
}) => (
  <Page title="SSH keys" shell={shell}>
    <h1>SSH keys</h1>
    <p class="muted lead">
      {ssh === undefined
        ? "Git over SSH is turned off on this hub; whoever runs it can turn it on with ABRAZO_SSH_PORT. Keys can be added all the same."
        : "Git knows you by these keys: whoever has the private half of one reads and pushes as you do."}
    </p>
    <Problem text={problem} />
    <div class="tokens-page">
      <div>
        {keys.length === 0 ? (
          <p class="blank panel">No keys yet.</p>
        ) : (
          <ul class="token-list">
            {keys.map((key) => (
              <Key row={key} />
            ))}
          </ul>
        )}
        {ssh === undefined || keys.length === 0 ? null : (
          <Snippet title="Then clone with it:" code={`git clone ${ssh}/namespace/name`} />
        )}
        {fingerprint === undefined ? null : (
          <p class="small muted broken">
            The first time, ssh asks whether this hub's own key is the right one: <code>{fingerprint}</code>
          </p>
        )}
      </div>
      <form class="form panel" method="post" action="/settings/ssh-keys">
        <h2>Add a key</h2>
        <label for="key">Public key</label>
        <textarea
          id="key"
          name="key"
          rows={4}
          required
          maxlength={8192}
          spellcheck={false}
          autocomplete="off"
          placeholder="ssh-ed25519 AAAA… you@laptop"
          aria-describedby="key-hint"
        >
          {typed.key}
        </textarea>
        <p class="hint" id="key-hint">
          The line of ~/.ssh/id_ed25519.pub. Without one, ssh-keygen -t ed25519 makes it.
        </p>
        <label for="title">Title</label>
        <input
          id="title"
          name="title"
          maxlength={100}
          autocomplete="off"
          value={typed.title}
          aria-describedby="title-hint"
        />
        <p class="hint" id="title-hint">
          The comment of the key when left empty.
        </p>
        <button type="submit">Add it</button>
      </form>
    </div>
  </Page>
);

/** Removing asks once more: git stops to know its owner at once. */
const Key = ({ row: { id, title, type, fingerprint, createdAt, lastUsedAt } }: { row: SshKey }) => (
  <li class="panel">
    <div class="row">
      <strong class="grow">
        <bdi>{title}</bdi>
      </strong>
      <span class="badge">{type}</span>
    </div>
    <p class="small muted broken">
      <code>{fingerprint}</code>
    </p>
    <div class="row small muted">
      <span>
        added <Day at={createdAt} />
      </span>
      <span>{lastUsedAt === null ? "never used" : <>last used {<Day at={lastUsedAt} />}</>}</span>
      <span class="grow" />
      <details class="confirm">
        <summary aria-label={`Remove ${title}`}>Remove</summary>
        <form method="post" action="/settings/ssh-keys/remove">
          <input type="hidden" name="id" value={id} />
          <button class="danger" type="submit">
            Yes, remove it
          </button>
        </form>
      </details>
    </div>
  </li>
);
