CREATE INDEX "collection_items_of_repo" ON "collection_items" USING btree ("repo_id");--> statement-breakpoint
CREATE INDEX "collection_items_of_other" ON "collection_items" USING btree ("other_id");--> statement-breakpoint
CREATE INDEX "notifications_discussion" ON "notifications" USING btree ("discussion_id");--> statement-breakpoint
CREATE INDEX "oauth_grants_app" ON "oauth_grants" USING btree ("app_id");