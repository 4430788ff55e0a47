// The API, one operation after the other: all of it in one page, so that the browser's own search finds a word of any.
import type { Child } from "hono/jsx";
import { ACCESS, areaOf, bodySchema, templateOf } from "../../api/openapi.ts";
import type { Route } from "../../api/route.ts";
import { Areas } from "../components/areas.tsx";
import { bodyFields, curlOf } from "../curl.ts";
import { many } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";

export interface DocsProps {
  shell: Shell;
  routes: readonly Route[];
  areas: readonly string[];
  area: string | undefined;
  origin: string;
}

export function DocsPage({ shell, routes, areas, area, origin }: DocsProps) {
  const shown = areas.filter((name) => area === undefined || name === area);
  const counted = areas.map((name) => ({ name, count: `${routes.filter((route) => areaOf(route) === name).length}` }));
  return (
    <Page title="API" shell={shell} description="Every operation of this hub's API, with a call to try it.">
      <div class="heading-row">
        <h1>
          API <span class="count">{many(routes.length, "operation")}</span>
        </h1>
        <p class="lead muted">
          It is Hugging Face's API, so their clients work here; <a href="/compat">how much of it</a> is counted. The
          same as <a href="/api/openapi.json">OpenAPI 3.1</a>. A refusal is JSON with <code>error</code>, and carries
          the headers <code>X-Error-Code</code>, <code>X-Error-Message</code> and <code>X-Request-Id</code>.
        </p>
      </div>
      <div class="list">
        <Areas path="/api/docs" areas={counted} area={area} />
        <div>
          {shown.map((name) => (
            <section class="operations" aria-labelledby={`area-${name}`}>
              <h2 id={`area-${name}`}>{name[0]?.toUpperCase() + name.slice(1)}</h2>
              {routes
                .filter((route) => areaOf(route) === name)
                .map((route) => (
                  <OperationPanel route={route} origin={origin} />
                ))}
            </section>
          ))}
        </div>
      </div>
    </Page>
  );
}

function OperationPanel({ route, origin }: { route: Route; origin: string }) {
  const { operation, method, path, access, summary, answers = [], query = {} } = route;
  const fields = bodyFields(bodySchema(route));
  return (
    <article class="operation panel" id={operation} aria-label={operation}>
      <h3>
        <a href={`#${operation}`}>
          <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{broken(templateOf(path))}</code>
        </a>
      </h3>
      <p>
        {summary}. <span class="muted">{ACCESS[access]}</span>
      </p>
      <Fields title="Query" rows={Object.entries(query).map(([name, words]) => ({ name, words }))} />
      <Fields
        title="Body"
        rows={fields.map(({ name, type, required }) => ({ name, words: required ? `${type}, required` : type }))}
      />
      <div class="code-box">
        <pre>
          <code data-copy>{curlOf(route, origin)}</code>
        </pre>
      </div>
      {answers.length === 0 ? null : (
        <p class="small muted">
          Answers{" "}
          {answers.map((name, index) => (
            <>
              {index === 0 ? "" : ", "}
              <code>{broken(name)}</code>
            </>
          ))}
          .
        </p>
      )}
    </article>
  );
}

const Fields = ({ title, rows }: { title: string; rows: readonly { name: string; words: string }[] }) => {
  if (rows.length === 0) return null;
  return (
    <dl class="fields">
      <dt class="heading">{title}</dt>
      {rows.map(({ name, words }) => (
        <dd>
          <code>{name}</code> <span class="muted">{words}</span>
        </dd>
      ))}
    </dl>
  );
};

/** A path may break after each slash, and nowhere else where that is enough. */
export const broken = (path: string): Child =>
  path.split("/").map((part, index) =>
    index === 0 ? (
      part
    ) : (
      <>
        /<wbr />
        {part}
      </>
    ),
  );
