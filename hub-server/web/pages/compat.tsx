// The scoreboard: what of Hugging Face's API this hub answers, counted, and each operation by name.
import type { Scoreboard } from "../../api/compat.ts";
import { Areas } from "../components/areas.tsx";
import { Page, type Shell } from "../layout.tsx";
import { broken } from "./docs.tsx";

export function CompatPage({ shell, board, area }: { shell: Shell; board: Scoreboard; area: string | undefined }) {
  const counted = board.areas.map(({ area: name, answered, total }) => ({ name, count: `${answered}/${total}` }));
  const shown = board.areas.filter((row) => area === undefined || row.area === area);
  return (
    <Page title="Compatibility" shell={shell} description="Which operations of Hugging Face's API this hub answers.">
      <div class="heading-row">
        <h1>
          Compatibility{" "}
          <span class="count">
            {board.answered} of {board.total}
          </span>
        </h1>
        <Share answered={board.answered} total={board.total} />
        <p class="lead muted">
          {board.answered} of the {board.total} operations in Hugging Face's own list are answered here. Each of them
          has a test that changes or reads real state through it and sees the effect another way. The others answer 501,
          with what happened in <code>X-Error-Code</code> and <code>X-Error-Message</code>. As JSON:{" "}
          <a href="/compat.json">/compat.json</a>; what each route takes: <a href="/api/docs">the API</a>.
        </p>
      </div>
      <div class="list">
        <Areas path="/compat" areas={counted} area={area} />
        <div>
          {shown.map(({ area: name, answered, total }) => (
            <section class="operations" aria-labelledby={`area-${name}`}>
              <h2 id={`area-${name}`}>
                {name}{" "}
                <span class="count">
                  {answered} of {total}
                </span>
              </h2>
              <div class="scroll">
                <table class="compat">
                  <thead>
                    <tr>
                      <th scope="col">Operation</th>
                      <th scope="col">Answered by</th>
                    </tr>
                  </thead>
                  <tbody>
                    {board.operations
                      .filter((row) => row.area === name)
                      .map(({ method, path, route }) => (
                        <tr>
                          <td class="name">
                            <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{broken(path)}</code>
                          </td>
                          <td>
                            {route === undefined ? (
                              <span class="muted">501</span>
                            ) : (
                              <a href={`/api/docs#${route}`}>{route}</a>
                            )}
                          </td>
                        </tr>
                      ))}
                  </tbody>
                </table>
              </div>
            </section>
          ))}
        </div>
      </div>
    </Page>
  );
}

/** How far the answered ones reach. */
const Share = ({ answered, total }: { answered: number; total: number }) => (
  <svg class="scale share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="all" x="0" y="2" width="100" height="4" />
    <rect class="part" x="0" y="2" width={((100 * answered) / total).toFixed(2)} height="4" />
  </svg>
);
