// The page that says what went wrong, and where to go on.
import { Page, type Shell } from "../layout.tsx";

export interface ErrorWords {
  title: string;
  message: string;
  hint?: string | undefined;
  /** The nearest page that exists. */
  back?: { href: string; label: string } | undefined;
}

export const ErrorPage = ({
  shell,
  status,
  words: { title, message, hint, back },
}: {
  shell: Shell;
  status: number;
  words: ErrorWords;
}) => (
  <Page title={title} shell={shell}>
    <div class="error">
      <p class="status">{status}</p>
      <h1>{title}</h1>
      <p>
        <bdi>{message}</bdi>
      </p>
      {hint === undefined ? null : <p class="muted">{hint}</p>}
      <p class="row">
        <a class="button" href={back?.href ?? "/models"}>
          {back?.label ?? "Browse models"}
        </a>
        {shell.actor === undefined && status === 404 ? (
          <a href={`/login?next=${encodeURIComponent(shell.path)}`}>Log in to see private repositories</a>
        ) : null}
      </p>
    </div>
  </Page>
);
