// Whether the suite of devices can run here: exit code 0, or 1 and the reason on stdout.
import { AbrazoError } from "../src/errors.ts";
import { requireDevice } from "../src/onnx/devices.ts";
import { driverEnvironment } from "../test/gpu/driver.ts";

Object.assign(process.env, driverEnvironment());
try {
  requireDevice("webgpu");
} catch (error) {
  if (!(error instanceof AbrazoError)) throw error;
  console.log(`${error.message} ${error.hint ?? ""} Debian's chromium and libvulkan1 bring one.`);
  process.exitCode = 1;
}
