import type { TObject } from "typebox";

import type { LoadedConfig } from "../../platform/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { fleetBenchDefinition } from "./bench-config.ts";
import type { FleetBenchConfig, fleetBenchSchema } from "./bench-config.ts";
import { benchOptionsOf } from "./bench-options.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import { profilesOf } from "./profiles.ts";
import type { FleetProfile } from "./profiles.ts";

/** One thing to measure: a profile with what the user changed of it, or the user's own options. */
export interface BenchPlan {
  readonly profile: FleetProfile | undefined;
  readonly options: FleetBenchOptions;
}

/** What the command line asks for. */
export interface BenchRequest {
  readonly loaded: LoadedConfig<typeof fleetBenchSchema>;
  /** At least one. */
  readonly plans: readonly BenchPlan[];
}

type Input = Parameters<typeof loadConfig>[1];

/** Reads the options, for each profile on top of its settings. Throws UserError (usage) in one sentence. */
export function benchRequestOf(input: Input): BenchRequest {
  const loaded = loadConfig(fleetBenchDefinition, input);
  const profiles = profilesOf(loaded.config.profile);
  if (profiles.length === 0) {
    return { loaded, plans: [{ profile: undefined, options: benchOptionsOf(loaded.config) }] };
  }
  const plans = profiles.map((profile) => ({
    profile,
    options: optionsOf(profile, loaded, input),
  }));
  return { loaded, plans };
}

function optionsOf(
  profile: FleetProfile,
  loaded: BenchRequest["loaded"],
  input: Input,
): FleetBenchOptions {
  const { size, sizes } = loaded.config;
  const settings = { ...profile.settings };
  // A length that the user gives takes the place of all lengths of the profile, in whatever form.
  if (size !== undefined || sizes.length > 0) {
    delete settings.size;
    delete settings.sizes;
  }
  const schema = withDefaults(fleetBenchDefinition.schema, settings);
  const { config } = loadConfig({ ...fleetBenchDefinition, schema }, input);
  try {
    return benchOptionsOf(config);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(EXIT.usage, `with the profile ${profile.name}, ${error.message}`, error);
  }
}

function withDefaults<T extends TObject>(schema: T, defaults: Partial<FleetBenchConfig>): T {
  const changed = Object.entries(defaults).map(([key, value]) => [
    key,
    { ...schema.properties[key], default: value },
  ]);
  return { ...schema, properties: { ...schema.properties, ...Object.fromEntries(changed) } };
}
