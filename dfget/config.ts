import type { ProgramDefinition } from "../platform/config.ts";
import {
  byteCount,
  choice,
  duration,
  optionTable,
  optionalText,
  repeated,
  text,
  toggle,
  wholeNumber,
} from "../platform/config-option.ts";

/** What to do where the target is there already, of which one can be chosen. */
const targetOptions = {
  overwrite: toggle({
    default: false,
    description:
      "replace what is there, and begin anew where an earlier --direct run was interrupted; without one of these three flags a target is replaced too, once the new file is whole",
  }),
  continue: toggle({
    default: false,
    short: "c",
    description:
      "leave a target alone that is the file already: it has the digest, or the length and time that the origin names",
  }),
  clobber: toggle({
    default: true,
    description: "leave a target alone that is there, whatever it is",
  }),
  mode: optionalText({
    description: "the rights of the file in octal, such as 0644",
    placeholder: "MODE",
  }),
  mtime: toggle({
    default: true,
    description: "do not give the file the time that the origin says it was last modified",
  }),
  hardLink: toggle({
    default: false,
    description:
      "make the file a read-only link to the daemon's own copy where that is possible, which takes no time and no room",
  }),
};

/** How the origin is asked. */
const originOptions = {
  header: repeated({
    short: "H",
    description:
      '"Name: value" to send to the origin, or @FILE with such lines, which keeps secrets out of the list of processes',
    placeholder: "HEADER",
    secret: true,
  }),
  netrc: toggle({
    default: true,
    description: "do not look up user and password in ~/.netrc or $NETRC",
  }),
  netrcFile: optionalText({
    description: "a file to look them up in instead",
    placeholder: "FILE",
  }),
  cacert: optionalText({
    description: "certificate authorities to trust for this download, in PEM; implies --direct",
    placeholder: "FILE",
  }),
  cert: optionalText({
    description: "a client certificate in PEM; implies --direct",
    placeholder: "FILE",
  }),
  key: optionalText({
    description: "the key of --cert, where it is not in the same file",
    placeholder: "FILE",
  }),
  insecure: toggle({
    default: false,
    short: "k",
    description: "do not check the origin's certificate; implies --direct",
  }),
  backSource: toggle({
    default: true,
    description: "fail when no supernode and no peer can serve, and leave the origin alone",
  }),
  direct: toggle({
    default: false,
    description:
      "read the origin from this process, without daemon, supernode and peers; proxies are taken from the environment",
  }),
};

/** Which files are meant, where a URL stands for several. */
const sourceOptions = {
  recursive: toggle({
    default: false,
    short: "r",
    description: "fetch everything that a server lists below the URL, or below a prefix of s3://",
  }),
  include: repeated({
    description: "fetch only files whose path matches, such as '*.gz' or 'docs/**'",
    placeholder: "PATTERN",
  }),
  exclude: repeated({ description: "leave out files whose path matches", placeholder: "PATTERN" }),
  maxFiles: wholeNumber({
    default: 10_000,
    minimum: 1,
    maximum: 100_000,
    description: "fail rather than fetch more files than this",
  }),
  maxDepth: wholeNumber({
    default: 32,
    maximum: 1000,
    description: "how many directories deep --recursive goes; 0 for the files of the URL itself",
  }),
  platform: text({
    default: "",
    description:
      "the platform of an oci:// image that has several; by default linux and the architecture of this machine",
    placeholder: "OS/ARCH",
  }),
  s3Endpoint: optionalText({
    description: "the server of s3:// URLs, also $AWS_ENDPOINT_URL; Amazon's by default",
    placeholder: "URL",
  }),
  s3Region: text({
    default: "",
    description: "its region, also $AWS_REGION; us-east-1 by default",
    placeholder: "REGION",
  }),
  hfEndpoint: text({
    default: "https://huggingface.co",
    description: "the server of hf:// URLs",
    placeholder: "URL",
  }),
};

/** How much, how fast and how often. */
const effortOptions = {
  parallel: wholeNumber({
    default: 4,
    minimum: 1,
    maximum: 64,
    short: "j",
    description: "how many files at once",
  }),
  limitRate: byteCount({
    default: 0,
    description:
      "how many bytes a second are received at most, such as 20MiB, by all files together; 0 for no limit",
  }),
  timeout: duration({ default: 0, description: "give up after this long; 0 waits forever" }),
  retry: wholeNumber({
    default: 0,
    maximum: 100,
    description:
      "how often a download is tried again whose origin could not be reached or failed, besides the tries that the daemon makes itself",
  }),
};

/** What is said, and how. */
const reportOptions = {
  quiet: toggle({ default: false, short: "q", description: "say nothing but errors" }),
  json: toggle({ default: false, description: "one JSON object a line on standard output" }),
  color: choice(["auto", "always", "never"], {
    default: "auto",
    description: "whether the terminal gets colours; auto heeds NO_COLOR",
  }),
  console: toggle({
    default: false,
    description: "end with the result line that dfget of Dragonfly 1 printed",
  }),
};

/** The daemon to use, and how one is started. */
export const daemonOptions = {
  socket: optionalText({
    description: "the unix socket of the daemon; see dfget daemon --help for the usual places",
    placeholder: "FILE",
  }),
  supernode: repeated({
    description: "a supernode for the daemon, where one has to be started",
    placeholder: "URL",
  }),
  allowOrigin: repeated({
    description:
      "an origin at a loopback, link-local or metadata address that the daemon may ask, where one has to be started",
    placeholder: "HOST",
  }),
  dataDir: optionalText({
    description: "where the daemon keeps pieces, where one has to be started",
    placeholder: "DIR",
  }),
  idleExit: duration({
    default: 60_000,
    description: "how long a daemon that was started for a download stays without work",
  }),
};

/** The options of `dfget URL...`. */
export const dfgetConfigSchema = optionTable({
  output: optionalText({
    short: "o",
    description:
      "where the file goes: a file, a directory (with a / at its end it is made), or - for standard output; an image of oci:// goes into FILE.tar or a directory; by default the last part of the URL, in the current directory",
    placeholder: "FILE",
  }),
  input: optionalText({
    short: "i",
    description: "a file with URLs, one a line; - for standard input",
    placeholder: "FILE",
  }),
  range: optionalText({
    description: "the part to fetch, FIRST-LAST, FIRST- or -LENGTH, counted from 0",
    placeholder: "RANGE",
  }),
  digest: optionalText({
    description: "the digest that the file must have: sha256:..., sha512:... or md5:...",
    placeholder: "DIGEST",
  }),
  tag: text({
    default: "",
    description: "a word that keeps this download apart from others of the same URL",
    placeholder: "WORD",
  }),
  filter: repeated({
    description: "a query parameter that changes while the file does not, such as a signature",
    placeholder: "NAME",
  }),
  ...originOptions,
  ...sourceOptions,
  ...effortOptions,
  ...targetOptions,
  ...reportOptions,
  ...daemonOptions,
});

export const dfgetDefinition: ProgramDefinition<typeof dfgetConfigSchema> = {
  program: "dfget",
  usage: ["dfget URL... [-o FILE|DIR|-] [options]", "dfget daemon [options]"],
  summary:
    "dfget downloads files through the daemon of this node, which is started where there is none.",
  schema: dfgetConfigSchema,
  positionalsMax: 10_000,
};
