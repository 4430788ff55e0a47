// Consent to an app, the code of a device, and a user's own apps.

import type { listGrants } from "../../services/oauth.ts";
import type { App } from "../../services/oauth-apps.ts";
import { Day } from "../components/repo.tsx";
import { Page, type Shell } from "../layout.tsx";
import { Problem } from "./account.tsx";

interface Choice {
  id: string;
  name: string;
  chosen: boolean;
}

const Permissions = ({ words }: { words: readonly string[] }) => (
  <ul class="permissions">
    {words.map((sentence) => (
      <li>{sentence}</li>
    ))}
  </ul>
);

/** What is granted holds for the user alone, unless they choose more. */
const Orgs = ({ orgs }: { orgs: readonly Choice[] }) =>
  orgs.length === 0 ? null : (
    <fieldset>
      <legend>Also for these organizations</legend>
      {orgs.map(({ id, name, chosen }) => (
        <label class="check">
          <input type="checkbox" name="org" value={id} checked={chosen} /> {name}
        </label>
      ))}
    </fieldset>
  );

const Decision = () => (
  <div class="row decision">
    <button type="submit" name="decision" value="allow">
      Allow
    </button>
    <button class="quiet" type="submit" name="decision" value="deny">
      Decline
    </button>
  </div>
);

export const ConsentPage = ({
  shell,
  app,
  builtIn,
  words,
  orgs,
  hidden,
  target,
}: {
  shell: Shell;
  app: App;
  builtIn: boolean;
  words: readonly string[];
  orgs: readonly Choice[];
  hidden: readonly (readonly [string, string])[];
  target: URL;
}) => (
  <Page title={`Allow ${app.name}?`} shell={shell}>
    <form class="form panel" method="post" action="/oauth/authorize">
      <h1>
        Allow <bdi>{app.name}</bdi>?
      </h1>
      <p>
        It asks for your account <strong>{shell.actor?.name}</strong> and would be able to:
      </p>
      <Permissions words={words} />
      {app.ownerId === null && !builtIn ? (
        <p class="note bad">This app registered itself. Nobody at this hub vouches for it or for its name.</p>
      ) : null}
      <p class="small muted">
        You will be sent to <strong>{target.host || target.protocol}</strong>
        {app.homepage === null ? null : (
          <>
            , homepage <bdi>{app.homepage}</bdi>
          </>
        )}
        .
      </p>
      {hidden.map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      <Orgs orgs={orgs} />
      <Decision />
    </form>
  </Page>
);

export const DevicePage = ({
  shell,
  device,
  problem,
  typed = "",
}: {
  shell: Shell;
  device?: { code: string; app: App; words: readonly string[]; orgs: readonly Choice[] };
  problem?: string;
  typed?: string;
}) => (
  <Page title="Log a device in" shell={shell}>
    {device === undefined ? (
      <form class="form panel" method="get" action="/oauth/device">
        <h1>Log a device in</h1>
        <p class="muted">Type the code that the program shows.</p>
        <Problem text={problem} />
        <label for="user_code">Code</label>
        <input
          id="user_code"
          name="user_code"
          class="mono"
          required
          maxlength={20}
          autocomplete="off"
          autocapitalize="characters"
          placeholder="XXXX-XXXX"
          value={typed}
          autofocus
        />
        <button type="submit">Continue</button>
      </form>
    ) : (
      <form class="form panel" method="post" action="/oauth/device/confirm">
        <h1>
          Log <bdi>{device.app.name}</bdi> in?
        </h1>
        <p>
          Code <strong class="mono">{device.code}</strong>. The program would act as{" "}
          <strong>{shell.actor?.name}</strong>:
        </p>
        <Permissions words={device.words} />
        <p class="note bad">Go on only if you started this login yourself, just now, and the code is on your screen.</p>
        <input type="hidden" name="user_code" value={device.code} />
        <Orgs orgs={device.orgs} />
        <Decision />
      </form>
    )}
  </Page>
);

export const DeviceDonePage = ({ shell, allowed }: { shell: Shell; allowed: boolean }) => (
  <Page title={allowed ? "Logged in" : "Declined"} shell={shell}>
    <div class="form panel">
      <h1>{allowed ? "The program is logged in" : "Declined"}</h1>
      <p>
        {allowed
          ? "Go back to it; it goes on within seconds. You can close this page."
          : "The program has been told. Nothing was allowed."}
      </p>
    </div>
  </Page>
);

type Grants = Awaited<ReturnType<typeof listGrants>>;

export const AppsPage = ({
  shell,
  apps,
  grants,
  made,
  problem,
}: {
  shell: Shell;
  apps: readonly App[];
  grants: Grants;
  made?: { app: App; secret: string | undefined };
  problem?: string;
}) => (
  <Page title="Applications" shell={shell}>
    <h1>Applications</h1>
    <p class="muted lead">Programs that you allowed to act for you, and apps of your own that ask users of this hub.</p>
    {made === undefined ? null : (
      <div class="note good" role="status">
        <p>
          The client id of <bdi>{made.app.name}</bdi> is <code>{made.app.id}</code>.
        </p>
        {made.secret === undefined ? null : (
          <p>
            <strong>Copy its secret now</strong>; it is not shown again: <code>{made.secret}</code>
          </p>
        )}
      </div>
    )}
    <div class="tokens-page">
      <div>
        <h2>Allowed by you</h2>
        {grants.length === 0 ? (
          <p class="blank panel">Nothing yet.</p>
        ) : (
          <ul class="token-list">
            {grants.map(({ grant, app }) => (
              <Row name={app.name} detail={grant.scopes.join(" ")} made={grant.createdAt}>
                <Confirm action="/settings/applications/revoke" id={grant.id} word="Revoke" name={app.name} />
              </Row>
            ))}
          </ul>
        )}
        <h2>Your apps</h2>
        {apps.length === 0 ? (
          <p class="blank panel">No apps yet.</p>
        ) : (
          <ul class="token-list">
            {apps.map((app) => (
              <Row name={app.name} detail={`${app.id} · ${app.redirectUris.join(" ")}`} made={app.createdAt}>
                <Confirm action="/settings/applications/delete" id={app.id} word="Delete" name={app.name} />
              </Row>
            ))}
          </ul>
        )}
      </div>
      <form class="form panel" method="post" action="/settings/applications">
        <h2>New app</h2>
        <Problem text={problem} />
        <label for="name">Name</label>
        <input id="name" name="name" required maxlength={80} autocomplete="off" />
        <label for="homepage">Homepage</label>
        <input id="homepage" name="homepage" type="url" placeholder="https://…" maxlength={300} />
        <label for="redirect_uris">Addresses to send users back to</label>
        <textarea id="redirect_uris" name="redirect_uris" rows={3} required aria-describedby="redirect-hint" />
        <p class="hint" id="redirect-hint">
          One a line, compared exactly. On http://localhost any port is taken.
        </p>
        <label class="check">
          <input type="checkbox" name="confidential" value="yes" />
          <span>It runs on a server and keeps a secret</span>
        </label>
        <button type="submit">Make the app</button>
      </form>
    </div>
  </Page>
);

const Row = ({ name, detail, made, children }: { name: string; detail: string; made: Date; children?: unknown }) => (
  <li class="panel">
    <div class="row">
      <strong class="grow">
        <bdi>{name}</bdi>
      </strong>
    </div>
    <p class="small muted broken">{detail}</p>
    <div class="row small muted">
      <span>
        since <Day at={made} />
      </span>
      <span class="grow" />
      {children}
    </div>
  </li>
);

const Confirm = ({ action, id, word, name }: { action: string; id: string; word: string; name: string }) => (
  <details class="confirm">
    <summary aria-label={`${word} ${name}`}>{word}</summary>
    <form method="post" action={action}>
      <input type="hidden" name="id" value={id} />
      <button class="danger" type="submit">
        Yes, {word.toLowerCase()} it
      </button>
    </form>
  </details>
);
