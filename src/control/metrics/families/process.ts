// The gateway as a process.

import { counted, type Family, gauge, single } from "../family.ts";

export const PROCESS: readonly Family[] = [
  gauge("gateway_ready", "Whether the gateway wants traffic.", ({ state, backends }) => {
    const healthy = backends.filter((backend) => backend.open).length;
    return state.readiness(healthy).ready ? 1 : 0;
  }),
  gauge("gateway_workers", "Workers that run.", ({ state }) => state.workersUp),
  gauge("gateway_workers_ready", "Workers that listen.", ({ state }) => state.workersReady),
  counted("gateway_worker_restarts_total", "worker_restarts", "Workers replaced after they died."),
  {
    name: "gateway_build_info",
    type: "gauge",
    help: "Always 1; the version is in the labels.",
    labels: ["version", "bun"],
    samples: ({ version }) => [{ labels: { version, bun: Bun.version }, value: 1 }],
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "User and system time of all threads.",
    samples: (reading) => single(reading.process.cpuSeconds),
  },
  gauge(
    "process_resident_memory_bytes",
    "Resident memory.",
    (reading) => reading.process.residentBytes,
  ),
  gauge("process_open_fds", "Open file descriptors.", (reading) => reading.process.openDescriptors),
  gauge("process_max_fds", "Most file descriptors that may be open.", (reading) => {
    return reading.process.maxDescriptors;
  }),
  gauge(
    "process_virtual_memory_bytes",
    "Address space, mostly reserved and not used.",
    (reading) => {
      return reading.process.virtualBytes;
    },
  ),
  gauge("process_start_time_seconds", "When the process started.", ({ metrics }) =>
    metrics.gauge("started_at"),
  ),
];
