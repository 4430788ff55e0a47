// Where drizzle-kit finds the schema and writes migrations (npm run db:generate).
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: ["./hub-server/db/schema.ts", "./hub-server/db/schema/*.ts"],
  out: "./hub-server/db/migrations",
});
