// Asking for access to a gated repository, and the list of those who asked.
import { plural, repoPath } from "../../../src/hub/repo-id.ts";
import { REQUEST_STATUSES, type RequestStatus } from "../../db/schema/gates.ts";
import type { Repo } from "../../services/access.ts";
import type { GateField, GateForm } from "../../services/gate-form.ts";
import type { AccessRequest, ListedRequest } from "../../services/gates.ts";
import { Day, Pager } from "../components/repo.tsx";
import { Page, type Shell } from "../layout.tsx";
import { Problem } from "./account.tsx";

const Title = ({ repo }: { repo: Repo }) => (
  <p class="muted">
    <a href={`/${plural(repo.type)}`}>{plural(repo.type)}</a> /{" "}
    <a href={repoPath(repo)}>
      {repo.namespace}/{repo.name}
    </a>
  </p>
);

const STATE_WORDS: Readonly<Record<RequestStatus, string>> = {
  pending: "Your request waits for the owners.",
  accepted: "You have access.",
  rejected: "The owners have declined your request.",
  reset: "The owners have taken their decision back; you may ask again.",
};

export function AskPage({
  shell,
  repo,
  form,
  allowed,
  request,
  manages,
  problem,
}: {
  shell: Shell;
  repo: Repo;
  form: GateForm;
  allowed: boolean;
  request: AccessRequest | undefined;
  manages: boolean;
  problem?: string;
}) {
  const asks = !allowed && (request === undefined || request.status === "reset");
  return (
    <Page title={`Access to ${repo.namespace}/${repo.name}`} shell={shell}>
      <Title repo={repo} />
      <form class="form panel" method="post" action={`${repoPath(repo)}/access`}>
        <h1>{asks ? form.heading : "Access"}</h1>
        <Problem text={problem} />
        {manages ? (
          <p>
            <a href={`${repoPath(repo)}/access-requests`}>Requests of others</a>
          </p>
        ) : null}
        {allowed ? (
          <p class="note good">You have access to the files.</p>
        ) : request === undefined ? null : (
          <p class="note" role="status">
            {STATE_WORDS[request.status]}
            {request.reason === null ? null : (
              <>
                {" "}
                “<bdi>{request.reason}</bdi>”
              </>
            )}
          </p>
        )}
        {form.prompt === undefined ? null : <p class="said">{form.prompt}</p>}
        {asks ? (
          <>
            {form.description === undefined ? null : <p class="muted">{form.description}</p>}
            {form.fields.map((field, index) => (
              <Question field={field} id={`question-${index}`} />
            ))}
            <p class="hint">
              The owners are shown your name, your email address if you have given one, and these answers.
              {repo.gated === "manual" ? " They decide by hand." : ""}
            </p>
            <button type="submit">{form.button}</button>
          </>
        ) : null}
      </form>
    </Page>
  );
}

function Question({ field: { label, kind, options }, id }: { field: GateField; id: string }) {
  if (kind === "checkbox")
    return (
      <label class="check">
        <input type="checkbox" name={label} value="true" required /> <span>{label}</span>
      </label>
    );
  return (
    <>
      <label for={id}>{label}</label>
      {kind === "select" ? (
        <select id={id} name={label} required>
          <option value="">Choose</option>
          {options.map((option) => (
            <option value={option.value}>{option.label}</option>
          ))}
        </select>
      ) : (
        <input id={id} name={label} type={kind === "date" ? "date" : "text"} required maxlength={2000} />
      )}
    </>
  );
}

export function RequestsPage({
  shell,
  repo,
  status,
  rows,
  page,
  more,
  problem,
}: {
  shell: Shell;
  repo: Repo;
  status: RequestStatus;
  rows: readonly ListedRequest[];
  page: number;
  more: boolean;
  problem?: string;
}) {
  const base = `${repoPath(repo)}/access-requests`;
  const at = (number: number) => `${base}?${new URLSearchParams({ status, p: `${number}` })}`;
  return (
    <Page title={`Access requests of ${repo.namespace}/${repo.name}`} shell={shell}>
      <Title repo={repo} />
      <div class="row">
        <h1>Access requests</h1>
        <span class="grow" />
        <a class="button quiet small" href={`${repoPath(repo)}/user-access-report`}>
          Report (CSV)
        </a>
      </div>
      <Problem text={problem} />
      <nav aria-label="States">
        <ul class="tabs">
          {REQUEST_STATUSES.map((one) => (
            <li>
              <a href={`${base}?status=${one}`} aria-current={one === status ? "page" : undefined}>
                {one}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="tokens-page">
        <div>
          {rows.length === 0 ? (
            <p class="blank panel">None.</p>
          ) : (
            <ul class="token-list">
              {rows.map((row) => (
                <Row row={row} base={base} />
              ))}
            </ul>
          )}
          <Pager previous={page === 0 ? undefined : at(page - 1)} next={more ? at(page + 1) : undefined} />
        </div>
        <form class="form panel" method="post" action={base}>
          <h2>Let somebody in</h2>
          <input type="hidden" name="status" value="grant" />
          <label for="user">User name</label>
          <input id="user" name="user" required autocapitalize="none" autocomplete="off" />
          <button type="submit">Grant access</button>
        </form>
      </div>
    </Page>
  );
}

/** What an owner may do next with a request. */
const NEXT: Readonly<Record<RequestStatus, readonly [RequestStatus, string][]>> = {
  pending: [
    ["accepted", "Accept"],
    ["rejected", "Reject"],
  ],
  accepted: [
    ["pending", "Put back"],
    ["rejected", "Reject"],
  ],
  rejected: [
    ["accepted", "Accept"],
    ["reset", "Let them ask again"],
  ],
  reset: [["accepted", "Accept"]],
};

const Row = ({ row: { request, user }, base }: { row: ListedRequest; base: string }) => (
  <li class="panel">
    <div class="row">
      <a class="grow" href={`/${user.name}`}>
        <strong>
          <bdi>{user.fullName ?? user.name}</bdi>
        </strong>
      </a>
      {request.sharesEmail && user.email !== null ? <span class="small muted">{user.email}</span> : null}
      <span class="small muted">
        <Day at={request.createdAt} />
      </span>
    </div>
    {request.fields === null || Object.keys(request.fields).length === 0 ? null : (
      <dl class="answers small">
        {Object.entries(request.fields).map(([question, answer]) => (
          <>
            <dt>{question}</dt>
            <dd>
              <bdi>{answer}</bdi>
            </dd>
          </>
        ))}
      </dl>
    )}
    <div class="row">
      {NEXT[request.status].map(([status, label]) => (
        <form method="post" action={base}>
          <input type="hidden" name="user" value={user.name} />
          <input type="hidden" name="status" value={status} />
          <button class="small quiet" type="submit">
            {label}
          </button>
        </form>
      ))}
    </div>
  </li>
);
