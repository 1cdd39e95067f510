CREATE TABLE `bucket_journal` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`entries` integer NOT NULL,
	`packed` blob NOT NULL
);
--> statement-breakpoint
ALTER TABLE `clients` ADD `journal_seen` integer DEFAULT 0 NOT NULL;