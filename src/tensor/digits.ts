// Numbers as decimal text, rounded as Python rounds them: exactly, halves to even.
// Knows no tensors.

/** `{:.<digits>f}` of Python. JavaScript rounds exact halves up, and has no minus for -0. */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return special(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (size >= 1e21) return `${sign}${BigInt(size)}${digits > 0 ? `.${"0".repeat(digits)}` : ""}`;
  const finer = size.toFixed(digits + 1);
  const isTie = finer.endsWith("5") && Number(finer) === size;
  return `${sign}${isTie ? evenOf(finer.slice(0, -1).replace(/\.$/, ""), size.toFixed(digits)) : size.toFixed(digits)}`;
}

/** `{:.<digits>e}` of Python: at least two digits of exponent. */
export function scientific(value: number, digits: number): string {
  if (!Number.isFinite(value)) return special(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  const [finer = "", finerExponent = ""] = size.toExponential(digits + 1).split("e");
  const isTie = finer.endsWith("5") && Number(`${finer}e${finerExponent}`) === size;
  const [up = "", exponent = ""] = size.toExponential(digits).split("e");
  const down = finer.slice(0, -1).replace(/\.$/, "");
  const isDown = isTie && evenOf(down, up) === down;
  const power = isDown ? finerExponent : exponent;
  return `${sign}${isDown ? down : up}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** Of the two nearest decimals, the one whose last digit is even. */
function evenOf(down: string, up: string): string {
  return Number(down.at(-1)) % 2 === 0 ? down : up;
}

function special(value: number): string {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
