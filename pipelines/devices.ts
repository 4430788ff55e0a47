// "auto" → the first device that works, said aloud; a named device works or fails.
// Compiles nothing itself.
import { AbrazoError } from "../src/errors.ts";
import { log } from "../src/log.ts";
import { PREFERRED_DEVICES, requireDevice } from "../src/onnx/devices.ts";

/** Makes something on a device; with "auto" on the first where that succeeds. */
export function onDevice<Made>(device: string, make: (device: string) => Made): Made {
  if (device !== "auto") {
    requireDevice(device);
    return make(device);
  }
  const reasons: string[] = [];
  for (const candidate of PREFERRED_DEVICES) {
    try {
      requireDevice(candidate);
      const made = make(candidate);
      log.info(`Device: ${candidate}.`, { device: candidate, notUsed: reasons });
      return made;
    } catch (error) {
      // On the last there is nothing to fall back to: the model itself is at fault.
      if (candidate === "cpu" || !(error instanceof AbrazoError)) throw error;
      reasons.push(`${candidate}: ${error.message}`);
    }
  }
  throw new Error("internal: no device was tried");
}
