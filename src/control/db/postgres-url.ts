// What the URL of a PostgreSQL database says, for messages and for comparison. Apart from the
// connection, whose code is loaded only where that database is used.

/** `host:port/database`, without credentials. */
export function display(url: string): string {
  const { host } = new URL(url);
  return `${host}/${databaseName(url)}`;
}

/** The user's name, and then `postgres`, where the URL names none. */
export function databaseName(url: string): string {
  const { pathname, username } = new URL(url);
  return decodeURIComponent(pathname.slice(1) || username || "postgres");
}
