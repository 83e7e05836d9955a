import { Registry, collectDefaultMetrics } from "prom-client";

/** A registry with the usual figures of a process (CPU, memory, event loop, open files). */
export function createMetricsRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
