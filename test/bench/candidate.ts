// What can be measured: a proxy with two listeners, one whose limits admit everything and one whose
// limits refuse everything, each by `client_id`, in front of the same backends.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CANDIDATE_CORE, freePort, Process } from "./process.ts";

export interface Surroundings {
  /** Origins of the backends. */
  readonly backends: readonly string[];
  /** Clients `client-0` … that will send requests. */
  readonly clients: number;
  /** An empty folder of this candidate's own. */
  readonly folder: string;
}

export interface Candidate {
  readonly name: string;
  /** Why it cannot take part; null when it can. */
  readonly missing: string | null;
  /** It cannot limit requests, so it takes no part where they are refused. */
  readonly unlimited?: boolean;
  start(surroundings: Surroundings): Promise<Running>;
}

export interface Running {
  readonly pid: number;
  readonly admitting: string;
  readonly limiting: string;
  end(): Promise<void>;
}

/** Requests a second that no load reaches. */
export const UNREACHED = 1_000_000;

export interface ProxyFiles {
  readonly name: string;
  readonly missing: string | null;
  readonly unlimited?: boolean;
  /** Files to write, by name, for these ports. */
  readonly files: (ports: Ports, surroundings: Surroundings) => Record<string, string>;
  /** Run in the folder of the files, in the foreground. */
  readonly command: (ports: Ports, surroundings: Surroundings) => readonly string[];
}

export interface Ports {
  readonly admitting: number;
  readonly limiting: number;
}

/** A candidate that is one process, configured by files. */
export function proxyOf({ files, command, ...about }: ProxyFiles): Candidate {
  return {
    ...about,
    async start(surroundings) {
      const ports = { admitting: await freePort(), limiting: await freePort() };
      const { folder } = surroundings;
      mkdirSync(folder, { recursive: true });
      for (const [file, text] of Object.entries(files(ports, surroundings))) {
        writeFileSync(join(folder, file), text);
      }
      const child = new Process(CANDIDATE_CORE, command(ports, surroundings), { cwd: folder });
      const admitting = `http://127.0.0.1:${ports.admitting}`;
      await child.answers(admitting).catch(async (error: unknown) => {
        await child.end();
        throw error;
      });
      const limiting = `http://127.0.0.1:${ports.limiting}`;
      return { pid: child.pid, admitting, limiting, end: () => child.end() };
    },
  };
}

export function absent(program: string): string | null {
  return Bun.which(program) === null ? `${program} is not installed` : null;
}

/** `host:port` of each backend. */
export function addresses(backends: readonly string[]): string[] {
  return backends.map((backend) => new URL(backend).host);
}
