// What the card of a gated repository asks of whoever wants its content: a heading, a text, and questions.
// Knows no requests: gates.ts does.
import { badRequest } from "../errors.ts";

export interface GateField {
  label: string;
  kind: "text" | "checkbox" | "date" | "select";
  /** Of a select. */
  options: readonly { label: string; value: string }[];
}

export interface GateForm {
  heading: string;
  prompt: string | undefined;
  description: string | undefined;
  button: string;
  fields: readonly GateField[];
}

const MOST_FIELDS = 40;
const LONGEST = 2000;
/** Kinds as cards name them; whatever else is a line of text. */
const KINDS: Readonly<Record<string, GateField["kind"]>> = {
  checkbox: "checkbox",
  date_picker: "date",
  select: "select",
};

export function gateForm(card: Record<string, unknown> | null): GateForm {
  const text = (key: string): string | undefined => {
    const value = card?.[key];
    return typeof value === "string" && value.trim() !== "" ? value.slice(0, 20_000) : undefined;
  };
  const fields = card?.["extra_gated_fields"];
  const rows = typeof fields === "object" && fields !== null && !Array.isArray(fields) ? Object.entries(fields) : [];
  return {
    heading:
      text("extra_gated_heading") ?? "You need to agree to share your contact information to access this repository",
    prompt: text("extra_gated_prompt"),
    description: text("extra_gated_description"),
    button: text("extra_gated_button_content") ?? "Agree and ask for access",
    fields: rows.slice(0, MOST_FIELDS).map(([label, kind]) => fieldOf(label, kind)),
  };
}

function fieldOf(label: string, kind: unknown): GateField {
  const named = typeof kind === "object" && kind !== null && "type" in kind ? kind.type : kind;
  const known = typeof named === "string" ? (KINDS[named] ?? "text") : "text";
  const given = typeof kind === "object" && kind !== null && "options" in kind ? kind.options : [];
  const options = known === "select" && Array.isArray(given) ? given.flatMap(optionOf) : [];
  return { label, kind: known === "select" && options.length === 0 ? "text" : known, options };
}

function optionOf(option: unknown): { label: string; value: string }[] {
  if (typeof option === "string") return [{ label: option, value: option }];
  if (typeof option !== "object" || option === null || !("value" in option) || typeof option.value !== "string")
    return [];
  const label = "label" in option && typeof option.label === "string" ? option.label : option.value;
  return [{ label, value: option.value }];
}

/** The answers to a form's questions; every question needs one. What was not asked is left out. */
export function readAnswers({ fields }: GateForm, given: Readonly<Record<string, unknown>>): Record<string, string> {
  const answers: Record<string, string> = {};
  for (const field of fields) answers[field.label] = answerTo(field, given[field.label]);
  return answers;
}

function answerTo({ label, kind, options }: GateField, given: unknown): string {
  const text = typeof given === "string" ? given.trim() : given === true ? "true" : "";
  if (kind === "checkbox") {
    if (text === "" || text === "false") throw badRequest(`"${label}" has to be agreed to.`);
    return "true";
  }
  if (text === "") throw badRequest(`"${label}" needs an answer.`);
  if (text.length > LONGEST) throw badRequest(`The answer to "${label}" has more than ${LONGEST} characters.`);
  if (kind === "date" && !/^\d{4}-\d{2}-\d{2}$/.test(text))
    throw badRequest(`"${label}" needs a date such as 2026-11-27.`);
  if (kind === "select" && !options.some(({ value }) => value === text))
    throw badRequest(`"${text}" is no answer to "${label}".`);
  return text;
}
