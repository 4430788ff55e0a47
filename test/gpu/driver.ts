// Which Vulkan driver the suite runs on: the one that VK_ICD_FILENAMES names, else the software one of Debian's chromium,
// else the machine's own.
import { existsSync } from "node:fs";

const SOFTWARE = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Read by the Vulkan loader when the runtime first asks for a device. */
export function driverEnvironment(): Record<string, string> {
  const files = process.env["VK_ICD_FILENAMES"] ?? (existsSync(SOFTWARE) ? SOFTWARE : undefined);
  return files === undefined ? {} : { VK_ICD_FILENAMES: files };
}
