// The shell of every page: head, top bar, footer.
// Fetches nothing.
import type { Child } from "hono/jsx";
import type { Actor } from "../context.ts";
import { ASSETS } from "./assets.ts";
import { Icon } from "./components/icons.tsx";

export interface Shell {
  actor: Actor | undefined;
  /** Path of this page, for the way back after a login. */
  path: string;
  /** What was searched for, to stand in the search field. */
  search?: string | undefined;
}

const Mark = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path
      fill="none"
      stroke="currentColor"
      stroke-width="2.4"
      stroke-linecap="round"
      d="M4 15c0-6 3.5-9 6.5-9S15 8 15 11s-1.5 5-4 5M20 9c0 6-3.5 9-6.5 9"
    />
    <circle cx="19" cy="5" r="2" fill="currentColor" />
  </svg>
);

export function Page({
  title,
  shell,
  children,
  description,
}: {
  title: string;
  shell: Shell;
  children?: Child;
  description?: string | undefined;
}) {
  const { actor, path, search } = shell;
  const here = (href: string) => (path === href || path.startsWith(`${href}/`) ? "page" : undefined);
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · Abrazo`}</title>
        {description === undefined ? null : <meta name="description" content={description} />}
        <link rel="stylesheet" href={ASSETS.style.url} />
        <link rel="icon" href={ASSETS.icon.url} type="image/svg+xml" />
        <script src={ASSETS.script.url} />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header class="top">
          <div class="wrap">
            <a class="brand" href="/">
              <Mark />
              Abrazo
            </a>
            <search class="find">
              <form action="/search">
                <Icon name="search" />
                <input
                  type="search"
                  name="search"
                  value={search ?? ""}
                  placeholder="Search models and datasets"
                  aria-label="Search models and datasets"
                />
              </form>
            </search>
            <nav aria-label="Main">
              <a href="/models" aria-current={here("/models")}>
                Models
              </a>
              <a href="/datasets" aria-current={here("/datasets")}>
                Datasets
              </a>
              <a href="/spaces" aria-current={here("/spaces")}>
                Spaces
              </a>
            </nav>
            <div class="session">
              {actor === undefined ? (
                <a href={`/login?next=${encodeURIComponent(path)}`} aria-current={here("/login")}>
                  Log in
                </a>
              ) : (
                <UserMenu actor={actor} />
              )}
              <button type="button" class="plain" data-toggle-theme hidden aria-label="Switch between light and dark">
                <Icon name="theme" />
              </button>
            </div>
          </div>
        </header>
        <main id="main" class="wrap" tabindex={-1}>
          {children}
        </main>
        <footer>
          <div class="wrap">
            <span>Abrazo, a model hub of your own.</span>
            <span>
              <a href="/compat">Hugging Face's clients</a> work here unchanged. <a href="/api/docs">API</a>
            </span>
          </div>
        </footer>
      </body>
    </html>
  );
}

/** Opens and closes without a script; the script closes it again when something else is clicked. */
const UserMenu = ({ actor }: { actor: Actor }) => (
  <details class="menu right">
    <summary>
      <Avatar name={actor.name} />
      <span class="own-name">{actor.name}</span>
      <Icon name="down" />
    </summary>
    <div class="sheet">
      <ul>
        <li>
          <a href={`/${actor.name}`}>Your models and datasets</a>
        </li>
        <li>
          <a href="/new">New repository</a>
        </li>
        <li>
          <a href="/organizations/new">New organization</a>
        </li>
        <li>
          <a href="/collections">Collections</a>
        </li>
        <li>
          <a href="/settings/tokens">Access tokens</a>
        </li>
        <li>
          <a href="/settings/ssh-keys">SSH keys</a>
        </li>
        <li>
          <a href="/settings/applications">Applications</a>
        </li>
        <li>
          <form method="post" action="/logout">
            <button class="plain" type="submit">
              Log out
            </button>
          </form>
        </li>
      </ul>
    </div>
  </details>
);

/** A round of one letter; its colour comes from the name, so that people recognise themselves. */
export const Avatar = ({ name }: { name: string }) => {
  const sum = [...name].reduce((total, letter) => (total * 31 + (letter.codePointAt(0) ?? 0)) % 6, 0);
  return (
    <span class={`avatar hue${sum}`} aria-hidden="true">
      {name.charAt(0).toUpperCase()}
    </span>
  );
};
