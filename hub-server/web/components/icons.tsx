// Small pictures in the text's own colour. They say nothing that the words beside them do not.
const PATHS = {
  model: "M12 2.8 20 7v10l-8 4.2L4 17V7zM4.3 7.2 12 11.4l7.7-4.2M12 11.4V21",
  dataset:
    "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zm0 0v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  space: "M4 5h16v11H4zM9 20h6M12 16v4",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  folder: "M3 6.5h6.5l2 2.5H21v10H3z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  download: "M12 4v11m0 0-4.5-4.5M12 15l4.5-4.5M5 20h14",
  branch:
    "M7 4.5v15M17 8.5c0 5-10 3-10 7.5M7 4.5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M17 6.5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7 19.5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5M12 8v4.5l3 2",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20.5 20.5",
  theme: "M20 14.5A8 8 0 1 1 9.5 4 6.5 6.5 0 0 0 20 14.5z",
  discussion: "M4 5h16v11h-8l-4.5 4v-4H4z",
  request:
    "M7 4.5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7 6.5v11M7 19.5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M17 19.5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M17 17.5V9c0-2-1-3-3-3h-2.5M13.5 3.5 11 6l2.5 2.5",
  close: "M7 7l10 10M17 7 7 17",
  down: "M6 9.5l6 6 6-6",
} as const;

export const Icon = ({ name }: { name: keyof typeof PATHS }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      d={PATHS[name]}
    />
  </svg>
);
