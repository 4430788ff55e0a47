// Small GGUF files, as llama.cpp would write their heads.

type Value = string | number | boolean | readonly string[] | readonly number[];

const small = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const wide = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const float = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([wide(Buffer.byteLength(value)), Buffer.from(value)]);

function valueBytes(value: Value): Buffer[] {
  if (typeof value === "string") return [small(8), text(value)];
  if (typeof value === "number") return [small(4), small(value)];
  if (typeof value === "boolean") return [small(7), Buffer.from([Number(value)])];
  const elements = value.map((element) => (typeof element === "string" ? text(element) : float(element)));
  return [small(9), small(typeof value[0] === "string" ? 8 : 6), wide(value.length), ...elements];
}

/** Version 3: values, tensors of float32 by their shapes, and no weights behind them. */
export function ggufFile(
  values: Readonly<Record<string, Value>>,
  tensors: Readonly<Record<string, readonly number[]>>,
): Buffer {
  const told = Object.entries(values).flatMap(([key, value]) => [text(key), ...valueBytes(value)]);
  const shapes = Object.entries(tensors).flatMap(([name, shape]) => [
    text(name),
    small(shape.length),
    ...shape.map(wide),
    small(0),
    wide(0),
  ]);
  const counts = [wide(Object.keys(tensors).length), wide(Object.keys(values).length)];
  return Buffer.concat([Buffer.from("GGUF"), small(3), ...counts, ...told, ...shapes]);
}
