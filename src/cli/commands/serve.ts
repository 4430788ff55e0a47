// abrazo serve: a hub in the foreground, until it is interrupted.
import { setFlagsFromString } from "node:v8";
import { defineCommand } from "../command.ts";
import { withDatabase } from "../database.ts";

export const serve = defineCommand({
  name: "serve",
  summary: "Start a hub. Without DATABASE_URL the database is embedded.",
  flags: {
    port: {
      type: "number",
      whole: true,
      least: 0,
      most: 65_535,
      summary: "Port; 7860 or the next free one when left out",
    },
    host: { type: "string", value: "ADDRESS", summary: "Address to listen on; 127.0.0.1 when left out" },
    "ssh-port": {
      type: "number",
      whole: true,
      least: 0,
      most: 65_535,
      summary: "Serve git over SSH on this port, too; ABRAZO_SSH_PORT, or not at all, when left out",
    },
    data: { type: "string", value: "DIR", summary: "Folder of files and the embedded database" },
  },
  examples: [
    "abrazo serve",
    "abrazo serve --port 8080 --data ./hub",
    "DATABASE_URL=postgres://localhost/hub abrazo serve",
  ],
  run: async ({ flags, ui }) => {
    // Node lets memory grow far beyond what is in use before it looks for what may go; a hub shares its machine. Below three times as
    // much it would look all the time, as what is read and sent counts as well.
    setFlagsFromString("--heap-growing-percent=200");
    const { startHub } = await import("../../../hub-server/main.ts");
    const hub = await withDatabase(() =>
      startHub({ port: flags.port, host: flags.host, dataDir: flags.data, sshPort: flags["ssh-port"] }),
    );
    // Before the address is told: whoever reads it may stop the hub at once.
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    });
    ui.result({ url: hub.url, setupUrl: hub.setupUrl, sshPort: hub.sshPort }, `Abrazo hub listening on ${hub.url}`);
    if (hub.sshPort !== undefined)
      ui.note(`git over SSH on port ${hub.sshPort}: keys are added in the settings, or by abrazo ssh-key add`);
    if (hub.setupUrl !== undefined) ui.note(`There is no user yet. Make the first one at ${hub.setupUrl}`);
    await stopped;
    ui.note("Stopping …");
    await hub.close();
  },
});
