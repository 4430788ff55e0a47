// A file as a page shows it.
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { SafetensorsHeader } from "../../../src/io/safetensors.ts";
import { bytes, grouped, many, short } from "../format.ts";
import type { FileView } from "../views.ts";
import { PlainText } from "./plain-text.tsx";
import { RowsTable } from "./rows-table.tsx";

interface ViewProps {
  view: FileView;
  /** Where the bytes are. */
  src: string;
  name: string;
  download: string;
}

export function ViewOf({ view, src, name, download }: ViewProps) {
  switch (view.kind) {
    case "text":
      return view.text === "" ? <p class="blank panel joined">This file is empty.</p> : <Code {...view} />;
    case "markdown":
      return (
        <article class="panel prose joined" dir="auto">
          {raw(view.html)}
        </article>
      );
    case "rows":
      return (
        <div class="joined-rows">
          <RowsTable preview={view.rows} />
          <p class="small muted under">The first {many(view.rows.rows.length, "row")}.</p>
        </div>
      );
    case "image":
      return (
        <p class="panel picture joined">
          <img src={src} alt={name} />
        </p>
      );
    case "tensors":
      return <Tensors header={view.header} />;
    case "none":
      return (
        <div class="blank panel joined">
          <p>{view.reason}</p>
          <p>
            <a class="button" href={download} download={name}>
              Download it
            </a>
          </p>
        </div>
      );
  }
}

const MOST_LINES = 2000;

const Code = ({ text, part }: { text: string; part?: string | undefined }) => {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const notes = [
    part,
    lines.length > MOST_LINES
      ? `The first ${grouped(MOST_LINES)} of ${many(lines.length, "line")} are shown.`
      : undefined,
  ].filter((note) => note !== undefined);
  return (
    <>
      <section class="scroll joined" tabindex={0} aria-label="Text of the file">
        <table class="code">
          <tbody>
            {lines.slice(0, MOST_LINES).map((line, index) => (
              <tr id={`L${index + 1}`}>
                <td class="line">
                  <a href={`#L${index + 1}`} aria-label={`Line ${index + 1}`}>
                    {index + 1}
                  </a>
                </td>
                <td>
                  <PlainText text={line} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {notes.length === 0 ? null : <p class="small muted under">{notes.join(" ")}</p>}
    </>
  );
};

const product = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

/** Layer 10 comes after layer 9. */
const BY_NAME = new Intl.Collator("en", { numeric: true });
/** Rows of a table of tensors. */
const MOST_TENSORS = 5000;
const MOST_METADATA = 50;

function Tensors({ header }: { header: SafetensorsHeader }) {
  const tensors = [...header.tensors.values()].sort((a, b) => BY_NAME.compare(a.name, b.name));
  const total = tensors.reduce((sum, { shape }) => sum + product(shape), 0);
  const types = [...new Set(tensors.map(({ dtype }) => dtype))];
  const metadata = Object.entries(header.metadata).slice(0, MOST_METADATA);
  return (
    <>
      <dl class="figures joined">
        <Figure name="Tensors">{grouped(tensors.length)}</Figure>
        <Figure name="Parameters">
          <span title={grouped(total)}>{short(total)}</span>
        </Figure>
        <Figure name={types.length === 1 ? "Type" : "Types"}>{types.join(", ")}</Figure>
        {metadata.map(([key, value]) => (
          <Figure name={key}>{value.length > 200 ? `${value.slice(0, 200)}…` : value}</Figure>
        ))}
      </dl>
      <section class="scroll" tabindex={0} aria-label="Tensors">
        <table class="tensors">
          <thead>
            <tr>
              <th scope="col">Tensor</th>
              <th scope="col">Shape</th>
              <th scope="col">Type</th>
              <th scope="col" class="num">
                Parameters
              </th>
              <th scope="col" class="num">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {tensors.slice(0, MOST_TENSORS).map(({ name, shape, dtype, byteLength }) => (
              <tr>
                <td class="name mono">
                  <TensorName name={name} />
                </td>
                <td class="mono shape">[{shape.join(", ")}]</td>
                <td class="mono">{dtype}</td>
                <td class="num">{grouped(product(shape))}</td>
                <td class="num">{bytes(byteLength)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {tensors.length > MOST_TENSORS ? (
        <p class="small muted under">{`The first ${grouped(MOST_TENSORS)} are shown.`}</p>
      ) : null}
    </>
  );
}

const Figure = ({ name, children }: { name: string; children?: Child }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      <bdi>{children}</bdi>
    </dd>
  </div>
);

/** Breaks after a dot, where a name has its joints. */
export const TensorName = ({ name }: { name: string }) => (
  <bdi>
    {name.split(/(?<=\.)/).map((part, index) => (
      <>
        {index === 0 ? null : <wbr />}
        {part}
      </>
    ))}
  </bdi>
);
