// The shell of every page: head, top bar, footer.
// Fetches nothing.
import type { Child } from "hono/jsx";
import type { Actor } from "../context.ts";

export interface Shell {
  actor: Actor | undefined;
  /** Path of this page, for the way back after a login. */
  path: string;
}

const Mark = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path
      fill="none"
      stroke="currentColor"
      stroke-width="2.4"
      stroke-linecap="round"
      d="M4 15c0-6 3.5-9 6.5-9S15 8 15 11s-1.500 5-4 5M20 9c0 6-3.5 9-6.500 9"
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
  description?: string;
}) {
  const { actor, path } = shell;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · Abrazo`}</title>
        {description === undefined ? null : <meta name="description" content={description} />}
        <link rel="stylesheet" href="/assets/style.css" />
        <link rel="icon" href="data:," />
        <script src="/assets/script.js" />
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
              <form action="/models">
                <input type="search" name="search" placeholder="Search models" aria-label="Search models" />
              </form>
            </search>
            <span class="grow" />
            <nav aria-label="Main">
              <a href="/models">Models</a>
              <a href="/datasets">Datasets</a>
              {actor === undefined ? (
                <a href={`/login?next=${encodeURIComponent(path)}`}>Log in</a>
              ) : (
                <UserMenu actor={actor} />
              )}
              <button type="button" class="link" data-toggle-theme hidden aria-label="Switch between light and dark">
                ◐
              </button>
            </nav>
          </div>
        </header>
        <main id="main" class="wrap">
          {children}
        </main>
        <footer>
          <div class="wrap">
            <span>Abrazo, a model hub of your own.</span>
            <span>
              API: <code>/api</code>, Hugging Face compatible
            </span>
          </div>
        </footer>
      </body>
    </html>
  );
}

const UserMenu = ({ actor }: { actor: Actor }) => (
  <>
    <a href="/new">New</a>
    <a href="/settings/tokens">Tokens</a>
    <a href={`/${actor.name}`}>{actor.name}</a>
    <form method="post" action="/logout">
      <button class="link" type="submit">
        Log out
      </button>
    </form>
  </>
);
