CREATE TABLE `clients` (
	`client_id` text PRIMARY KEY NOT NULL,
	`capacity` real NOT NULL,
	`rate_per_sec` real NOT NULL,
	`tokens` real NOT NULL,
	`tokens_at` integer NOT NULL,
	`version` integer NOT NULL,
	`tokens_version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
