// PyTorch's names of dtypes in the sentences of its errors.
// Knows nothing else.
import type { DType } from "../graph/dtype.ts";

const NAMES: Readonly<Record<DType, readonly [scalar: string, c: string]>> = {
  float32: ["Float", "float"],
  float64: ["Double", "double"],
  float16: ["Half", "c10::Half"],
  bfloat16: ["BFloat16", "c10::BFloat16"],
  int8: ["Char", "signed char"],
  int16: ["Short", "short int"],
  int32: ["Int", "int"],
  int64: ["Long", "long int"],
  uint8: ["Byte", "unsigned char"],
  bool: ["Bool", "bool"],
};

/** "Long" for int64, and so on. */
export const scalarTypeName = (dtype: DType): string => NAMES[dtype][0];
/** "long int" for int64, and so on. */
export const cTypeName = (dtype: DType): string => NAMES[dtype][1];
