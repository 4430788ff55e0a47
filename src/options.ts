// The names that an options object may have, for callers whom no compiler helps.
// Knows no function that takes options, and no value of any.
import { kindOf } from "./arguments.ts";
import { AbrazoError, nearestName } from "./errors.ts";

/**
 * Every name of an interface of options: those that may be left out are `true`, those that may not `"required"`.
 * A name that is forgotten here, or is none of the interface, is an error of types.
 */
export type OptionNames<Options> = {
  readonly [Name in keyof Required<Options>]: Partial<Pick<Options, Name>> extends Pick<Options, Name>
    ? true
    : "required";
};

/** A check of options, and the names that it knows, for a check of more. */
export interface OptionCheck<Options> {
  /** The options given to the function `where`, checked; an empty object where there are none. */
  <Given extends Options>(where: string, given: Given | undefined): Given;
  readonly names: OptionNames<Options>;
}

const NONE = Object.freeze({});

/**
 * The check of options of one interface. Without options it costs one comparison.
 *
 * @throws UNKNOWN_OPTION with the nearest name, MISSING_OPTION; BAD_OPTION for what is no object of options
 */
export function optionsOf<Options extends object>(names: OptionNames<Options>): OptionCheck<Options> {
  const needed = Object.entries(names).flatMap(([name, need]) => (need === "required" ? [name] : []));
  const [first] = needed;
  const check = <Given extends Options>(where: string, given: Given | undefined): Given => {
    if (given === undefined) {
      if (first === undefined) return NONE as Given; // safe because nothing is required
      throw missing(where, first);
    }
    checkNames(where, given, names);
    const lacking = needed.find((name) => Reflect.get(given, name) === undefined);
    if (lacking !== undefined) throw missing(where, lacking);
    return given;
  };
  return Object.assign(check, { names });
}

function checkNames(where: string, given: object, names: object): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw notOptions(where, given);
  const own = Object.keys(given);
  const unknown = own.find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined && own.length > 0) return;
  // a tensor or a generator in the place of the options is told by its class; one of private fields alone has no names
  if (kindOf(given) !== "Object") throw notOptions(where, given);
  if (unknown !== undefined) throw unknownOption(where, unknown, Object.keys(names));
}

function missing(where: string, name: string): AbrazoError {
  return new AbrazoError({
    code: "MISSING_OPTION",
    message: `${where}() missing 1 required keyword argument: '${name}'`,
    hint: `Name it in the options: { ${name}: … }.`,
    data: { where, name },
  });
}

/** The error for a name that is none of `names`. PyTorch's spelling of a name leads to ours. */
export function unknownOption(
  where: string,
  name: string,
  names: readonly string[],
  code = "UNKNOWN_OPTION",
): AbrazoError {
  const near = nearestName(name.replaceAll("_", ""), names);
  const valid = names.length === 0 ? "There are none." : `Valid names: ${names.join(", ")}.`;
  return new AbrazoError({
    code,
    message: `${where}() got an unexpected keyword argument '${name}'`,
    hint: near === undefined ? valid : `Did you mean "${near}"? ${valid}`,
    data: { where, name, names },
  });
}

function notOptions(where: string, given: unknown): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `${where}(): the options are an object, not ${given === null ? "null" : `a ${kindOf(given)}`}`,
    hint: "They are named and come last: { name: value }.",
    data: { where },
  });
}
