// A list narrowed to one of its areas, by links. Knows not what the list holds.
export const Areas = ({
  path,
  areas,
  area,
}: {
  path: string;
  areas: readonly { name: string; count: string }[];
  area: string | undefined;
}) => (
  <aside class="facets" aria-label="Areas">
    <section>
      <h2>Areas</h2>
      <ul class="tags">
        <li>
          <a class="tag" href={path} aria-current={area === undefined ? "true" : undefined}>
            all
          </a>
        </li>
        {areas.map(({ name, count }) => (
          <li>
            <a
              class="tag"
              href={`${path}?${new URLSearchParams({ area: name })}`}
              aria-current={name === area ? "true" : undefined}
            >
              {name} <span class="muted">{count}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  </aside>
);
