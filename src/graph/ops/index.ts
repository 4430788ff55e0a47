// Loads every family, so that OPS is complete. Nothing here is a second list of operations.
import "./arithmetic.ts";
import "./division.ts";
import "./identity.ts";
import "./math.ts";
import "./exponential.ts";
import "./trigonometry.ts";
import "./error-function.ts";
import "./bitwise.ts";
import "./compare.ts";
import "./reduce.ts";
import "./linalg.ts";
import "./decompositions.ts";
import "./sort.ts";
import "./gemm.ts";
import "./view.ts";
import "./gather.ts";
import "./scatter.ts";
import "./logistic.ts";
import "./norm.ts";
import "./rotary.ts";
import "./batch-norm.ts";
import "./conv.ts";
import "./pool.ts";
import "./pad.ts";
import "./random.ts";

export { OPS } from "../op.ts";
