// The migrations, inside the executable: drizzle's own migrator reads a folder, which a compiled
// executable does not have. A migration that drizzle-kit generates is added to the list of its
// dialect, `migrations-sqlite.ts` or `migrations-postgres.ts`; a test compares those with the
// journals. Applied migrations are recorded in drizzle's table and format, so
// that drizzle-kit understands the database.

export interface Migration {
  readonly tag: string;
  /** When it was generated, milliseconds since 1970; migrations are applied in this order. */
  readonly when: number;
  readonly statements: readonly string[];
  /** SHA-256 of the file, as drizzle records it. */
  readonly hash: string;
}

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[];
}

/** `files`: the SQL text of each migration, by its tag. */
export function embed(
  journal: Journal,
  files: Readonly<Record<string, string>>,
): readonly Migration[] {
  return journal.entries.map(({ tag, when }) => {
    const text = files[tag];
    if (text === undefined) throw new Error(`migration ${tag} is not embedded`);
    return {
      tag,
      when,
      statements: text.split("--> statement-breakpoint"),
      hash: new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    };
  });
}

/** Those that a database whose newest migration is from `newest` still lacks. */
export function pending(migrations: readonly Migration[], newest: number | null): Migration[] {
  return migrations.filter(({ when }) => newest === null || when > newest);
}
