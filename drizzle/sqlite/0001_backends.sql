CREATE TABLE `backends` (
	`url` text PRIMARY KEY NOT NULL,
	`added` integer NOT NULL,
	`removed` integer NOT NULL,
	`weight` integer,
	`max_in_flight` integer,
	`draining` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
