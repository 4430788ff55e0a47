CREATE TABLE "garbage_reached" (
	"run" uuid NOT NULL,
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"open" boolean NOT NULL,
	"since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "garbage_reached_run_kind_id_pk" PRIMARY KEY("run","kind","id")
);
--> statement-breakpoint
CREATE INDEX "garbage_reached_open" ON "garbage_reached" USING btree ("run","id") WHERE "garbage_reached"."open";