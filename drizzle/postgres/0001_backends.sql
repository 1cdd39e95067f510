CREATE TABLE "backends" (
	"url" text COLLATE "C" PRIMARY KEY NOT NULL,
	"added" boolean NOT NULL,
	"removed" boolean NOT NULL,
	"weight" integer,
	"max_in_flight" integer,
	"draining" boolean NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL
);
