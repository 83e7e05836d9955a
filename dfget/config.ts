import { Type } from "typebox";

import type { ProgramDefinition } from "../platform/config.ts";
import { byteCount, duration, repeated } from "../platform/config-option.ts";

/** The options of `dfget URL`. */
export const dfgetConfigSchema = Type.Object({
  output: Type.Optional(
    Type.String({
      short: "o",
      description:
        "where the file goes: a file, a directory with a / at its end, or - for standard output; by default the last part of the URL, in the current directory",
      placeholder: "FILE",
    }),
  ),
  header: repeated({
    short: "H",
    description:
      '"Name: value" to send to the origin, or @FILE with such lines, which keeps secrets out of the list of processes',
    placeholder: "HEADER",
    secret: true,
  }),
  digest: Type.Optional(
    Type.String({
      description: "the digest that the file must have, sha256:... or sha512:...",
      placeholder: "DIGEST",
    }),
  ),
  tag: Type.String({
    default: "",
    description: "a word that keeps this download apart from others of the same URL",
  }),
  filter: repeated({
    description: "a query parameter that changes while the file does not, such as a signature",
    placeholder: "NAME",
  }),
  backSource: Type.Boolean({
    default: true,
    description: "fail when no supernode and no peer can serve, and leave the origin alone",
  }),
  limitRate: byteCount({
    default: 0,
    description: "how many bytes a second are received at most, such as 20MiB; 0 for no limit",
  }),
  timeout: duration({ default: 0, description: "give up after this long; 0 waits forever" }),
  json: Type.Boolean({ default: false, description: "one JSON object a line on standard output" }),
  quiet: Type.Boolean({ default: false, short: "q", description: "say nothing but errors" }),
  supernode: repeated({
    description: "a supernode for the daemon, where one has to be started",
    placeholder: "URL",
  }),
  allowOrigin: repeated({
    description:
      "an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started",
    placeholder: "HOST",
  }),
  dataDir: Type.Optional(
    Type.String({
      description: "where the daemon keeps pieces, where one has to be started",
      placeholder: "DIR",
    }),
  ),
  socket: Type.Optional(
    Type.String({
      description: "the unix socket of the daemon; see dfget daemon --help for the usual places",
      placeholder: "FILE",
    }),
  ),
  idleExit: duration({
    default: 60_000,
    description: "how long a daemon that was started for a download stays without work",
  }),
});

export const dfgetDefinition: ProgramDefinition<typeof dfgetConfigSchema> = {
  program: "dfget",
  usage: ["dfget URL [-o FILE] [options]", "dfget daemon [options]"],
  summary:
    "dfget downloads a file through the daemon of this node, which is started where there is none.",
  schema: dfgetConfigSchema,
  positionalsMax: 1,
};
