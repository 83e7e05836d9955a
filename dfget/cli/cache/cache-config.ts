import type { Static } from "typebox";

import type { ProgramDefinition } from "../../../platform/config.ts";
import {
  optionTable,
  optionalByteCount,
  optionalText,
  toggle,
} from "../../../platform/config-option.ts";
import { daemonOptions } from "../../config.ts";

const common = {
  json: toggle({ default: false, description: "one JSON object on standard output" }),
  ...daemonOptions,
};

const commonTable = optionTable(common);
const importTable = optionTable({
  name: optionalText({
    description: "what to call it; by default the name of the file",
    placeholder: "NAME",
  }),
  ...common,
});

const limitsTable = optionTable({
  upload: optionalByteCount({
    description: "bytes a second to all other nodes together; 0 for no limit",
  }),
  download: optionalByteCount({
    description: "bytes a second from nodes and origins together; 0 for no limit",
  }),
  task: optionalByteCount({
    description: "bytes a second for each task from nodes and origins; 0 for no limit",
  }),
  ...common,
});

/** The options of every command about the cache. */
export type CacheConfig = Static<typeof commonTable>;
export type ImportConfig = Static<typeof importTable>;
export type LimitsConfig = Static<typeof limitsTable>;

/** How a task is named on the command line. */
const REFERENCE =
  "TASK is a digest, a task id, the start of either, the name of an imported file, or a URL.";

function define<T extends typeof commonTable | typeof importTable | typeof limitsTable>(
  name: string,
  operands: string,
  summary: string,
  schema: T,
  positionalsMax: number,
): ProgramDefinition<T> {
  return {
    program: `dfget ${name}`,
    variablesOf: "dfget",
    usage: [`dfget ${name} ${operands}[options]`],
    summary,
    schema,
    positionalsMax,
  };
}

/** The commands about the cache of this node, by their names. */
export const cacheDefinitions = {
  ls: define(
    "ls",
    "",
    "dfget ls lists what the node holds, the least recently used first.",
    commonTable,
    0,
  ),
  stat: define(
    "stat",
    "TASK... ",
    `dfget stat tells what is known of tasks. ${REFERENCE}`,
    commonTable,
    1000,
  ),
  rm: define("rm", "TASK... ", `dfget rm throws tasks away. ${REFERENCE}`, commonTable, 1000),
  pin: define(
    "pin",
    "TASK... ",
    `dfget pin keeps tasks whatever else needs room. ${REFERENCE}`,
    commonTable,
    1000,
  ),
  unpin: define(
    "unpin",
    "TASK... ",
    `dfget unpin lets pinned tasks go when there is need. ${REFERENCE}`,
    commonTable,
    1000,
  ),
  import: define(
    "import",
    "FILE [--name NAME] ",
    "dfget import takes a file in, so that other nodes can get it by its digest.",
    importTable,
    1,
  ),
  export: define(
    "export",
    "TASK FILE ",
    `dfget export writes a task to a file; one named by its whole digest is fetched from other nodes where it is not here. ${REFERENCE}`,
    commonTable,
    2,
  ),
  peers: define(
    "peers",
    "",
    "dfget peers lists the nodes that this one is connected to.",
    commonTable,
    0,
  ),
  limits: define(
    "limits",
    "[--upload SIZE] [--download SIZE] [--task SIZE] ",
    "dfget limits shows how fast the running daemon may be, or changes it until it ends.",
    limitsTable,
    0,
  ),
  doctor: define(
    "doctor",
    "",
    "dfget doctor looks for what keeps downloads from working.",
    commonTable,
    0,
  ),
} as const;

export type CacheCommand = keyof typeof cacheDefinitions;
