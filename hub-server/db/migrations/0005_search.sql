DROP INDEX "repo_index_names";--> statement-breakpoint
DROP INDEX "repo_index_document";--> statement-breakpoint
ALTER TABLE "repo_index" ADD COLUMN "type" text;--> statement-breakpoint
UPDATE "repo_index" SET "type" = "repos"."type" FROM "repos" WHERE "repos"."id" = "repo_index"."repo_id";--> statement-breakpoint
ALTER TABLE "repo_index" ALTER COLUMN "type" SET NOT NULL;--> statement-breakpoint
CREATE INDEX "users_name_start" ON "users" USING btree ("kind",lower("name") text_pattern_ops);--> statement-breakpoint
CREATE INDEX "users_full_name_start" ON "users" USING btree ("kind",lower("full_name") text_pattern_ops);--> statement-breakpoint
CREATE INDEX "repo_index_names_model" ON "repo_index" USING gin ("names") WHERE "repo_index"."type" = 'model';--> statement-breakpoint
CREATE INDEX "repo_index_document_model" ON "repo_index" USING gin ("document") WHERE "repo_index"."type" = 'model';--> statement-breakpoint
CREATE INDEX "repo_index_names_dataset" ON "repo_index" USING gin ("names") WHERE "repo_index"."type" = 'dataset';--> statement-breakpoint
CREATE INDEX "repo_index_document_dataset" ON "repo_index" USING gin ("document") WHERE "repo_index"."type" = 'dataset';--> statement-breakpoint
CREATE INDEX "repo_index_names_space" ON "repo_index" USING gin ("names") WHERE "repo_index"."type" = 'space';--> statement-breakpoint
CREATE INDEX "repo_index_document_space" ON "repo_index" USING gin ("document") WHERE "repo_index"."type" = 'space';