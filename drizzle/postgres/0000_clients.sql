CREATE SEQUENCE "public"."clients_version" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "clients" (
	"client_id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"capacity" double precision NOT NULL,
	"rate_per_sec" double precision NOT NULL,
	"tokens" double precision NOT NULL,
	"tokens_at" bigint NOT NULL,
	"version" bigint NOT NULL,
	"tokens_version" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL
);
