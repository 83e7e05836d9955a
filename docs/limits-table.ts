import { ARRIVED_BYTES_MAX } from "../dfget/peer/arrived-pieces.ts";
import { BATCH_REQUESTS_MAX } from "../dfget/daemon/batch-server.ts";
import { DOWNLOADS_MAX } from "../dfget/daemon/control-server.ts";
import { URLS_MAX } from "../dfget/cli/url-list.ts";
import { CATALOG_MAX, PINS_MAX } from "../dfget/daemon/catalog.ts";
import { ANSWER_AGE_MS_MAX, FILTERS_MAX, TAG_LENGTH_MAX } from "../dfget/daemon/request-limits.ts";
import { LINKS_MAX } from "../dfget/peer/neighbours.ts";
import { SMALL_CONTENTS_MAX, SMALL_LENGTH_BYTES_MAX } from "../dfget/peer/small-contents.ts";
import { AWAKE_MAX } from "../dfget/peer/task-keeper.ts";
import { defaultSwarmOptions } from "../dfget/swarm/swarm-options.ts";
import { VERDICTS_MAX, VERDICT_MS_MAX } from "../platform/origin/access-checks.ts";
import { ENTRIES_MAX } from "../platform/origin/origin-book.ts";
import { REDIRECTS_MAX } from "../platform/origin/origin-redirect.ts";
import { TrustedKeys } from "../platform/signing.ts";
import { RANGES_MAX } from "../protocol/byte-range.ts";
import * as protocol from "../protocol/limits.ts";
import { CONNECTIONS_MAX } from "../registry-proxy/mirror-server.ts";
import { HOSTS_MAX } from "../registry-proxy/proxy/certificate-authority.ts";
import { RULES_MAX } from "../registry-proxy/proxy/proxy-config.ts";
import { TUNNELS_MAX } from "../registry-proxy/proxy/tunnels.ts";
import { MANIFEST_LENGTH_BYTES_MAX } from "../registry-proxy/upstream/manifest-type.ts";
import { NAME_LENGTH_MAX } from "../registry-proxy/upstream/repository.ts";
import { BANS_MAX } from "../supernode/scheduler-driver.ts";
import { SEND_BUFFER_BYTES_MAX } from "../supernode/node-channel.ts";
import { NODE_CONNECTIONS_MAX } from "../supernode/node-gateway.ts";
import { PLAIN_CONNECTIONS_MAX } from "../supernode/plain-connections.ts";
import { PAGE_ROWS_MAX } from "../protocol/rest.ts";
import { defaultSchedulerOptions } from "../supernode/scheduler/scheduler-options.ts";
import { RECENT_BYTES_MAX } from "../supernode/seed/assembly-thread.ts";
import { LENT_SLOTS_MAX } from "../supernode/seed/recent-bytes.ts";
import { PROOF_BYTES_MAX, RECORDS_MAX } from "../supernode/seed/seed-records.ts";
import { PART_LENGTH_BYTES_MAX } from "../registry-proxy/routes/requested-range.ts";
import { PART_READS_MAX, PART_READS_OF_NODE_MAX } from "../supernode/coordinator.ts";
import { WANTED_MAX } from "../dfget/peer/swarm-driver.ts";
import { SMALL_CONTENTS_BYTES_MAX } from "../supernode/seed/small-contents.ts";
import { WHOLE_MEMBERS_MAX } from "../supernode/tasks/task-answers.ts";
import { LIVE_TASKS_MAX } from "../supernode/tasks/task-directory.ts";
import { ANSWERS_MAX } from "../supernode/tasks/url-resolver.ts";

/** A bound that users can meet. */
interface Limit {
  readonly value: number;
  readonly unit: "bytes" | "ms" | "";
  /** What is bounded. */
  readonly of: string;
  /** What happens beyond it. */
  readonly beyond: string;
}

type ProtocolLimit = keyof typeof protocol;

/** The limits that both ends of a channel share: each of protocol/limits.ts has to be here. */
const SHARED: Readonly<Record<ProtocolLimit, Omit<Limit, "value">>> = {
  PIECE_COUNT_MAX: {
    unit: "",
    of: "pieces in a task",
    beyond: "the task is refused with `TASK_TOO_LARGE`; the content can be read from its origin",
  },
  PIECE_LENGTH_BYTES_MIN: {
    unit: "bytes",
    of: "the length of a piece, at least",
    beyond: "a request for shorter ones is refused or answered with the usual length",
  },
  PIECE_LENGTH_BYTES_MAX: {
    unit: "bytes",
    of: "the length of a piece, at most; it bounds a task to 4 TiB",
    beyond: "a request for longer ones is refused or answered with the usual length",
  },
  INLINE_LENGTH_BYTES_MAX: {
    unit: "bytes",
    of: "a task that travels inside the answer to a join",
    beyond: "it is fetched piece by piece",
  },
  WHOLE_LENGTH_BYTES_MAX: {
    unit: "bytes",
    of: "one of several files of `dfget` that is sent so while few nodes take part",
    beyond: "it is fetched in pieces, also from other nodes",
  },
  WHOLE_PIECES_MAX: {
    unit: "",
    of: "the pieces of such a file",
    beyond: "the same",
  },
  FRAME_LENGTH_BYTES_MAX: {
    unit: "bytes",
    of: "a frame of a control connection",
    beyond: "the connection is closed",
  },
  NEIGHBOURS_PER_FRAME_MAX: {
    unit: "",
    of: "neighbours named in one frame",
    beyond: "the connection is closed",
  },
  URL_LENGTH_MAX: {
    unit: "",
    of: "characters in the URL of an origin or of a request to the mirror",
    beyond: "the request is refused",
  },
  ORIGIN_HEADERS_MAX: {
    unit: "",
    of: "headers sent along to an origin",
    beyond: "the request is refused",
  },
  ORIGIN_HEADERS_LENGTH_BYTES_MAX: {
    unit: "bytes",
    of: "all headers sent along to an origin",
    beyond: "the request is refused",
  },
  TASKS_PER_NODE_MAX: {
    unit: "",
    of: "tasks that one node takes part in at once",
    beyond: "a join is refused with `LIMIT_EXCEEDED`",
  },
};

const VALUES: Readonly<Record<ProtocolLimit, number>> = { ...protocol };

/** Every limit of docs/reference/limits.md. */
export const LIMITS: readonly Limit[] = [
  ...Object.entries(SHARED).map(([name, limit]) => ({
    ...limit,
    value: VALUES[name as ProtocolLimit],
  })),
  {
    value: NODE_CONNECTIONS_MAX,
    unit: "",
    of: "nodes connected to a supernode",
    beyond: "a connection is refused with `LIMIT_EXCEEDED`",
  },
  {
    value: PLAIN_CONNECTIONS_MAX,
    unit: "",
    of: "connections to a supernode besides those of nodes",
    beyond: "closed at once; a node that wanted a piece tries again",
  },
  {
    value: PAGE_ROWS_MAX,
    unit: "",
    of: "rows in one answer with tasks or peers of a supernode",
    beyond: "`offset` asks for the next ones; a larger `limit` is refused with 400",
  },
  {
    value: LIVE_TASKS_MAX,
    unit: "",
    of: "tasks that the nodes of a supernode take part in at once",
    beyond: "a join is refused with `LIMIT_EXCEEDED`",
  },
  {
    value: PART_READS_MAX,
    unit: "",
    of: "parts of blobs that a supernode reads from origins at the same time, for clients that read parts only",
    beyond: "further ones wait",
  },
  {
    value: PART_READS_OF_NODE_MAX,
    unit: "",
    of: "the same of them for one node",
    beyond: "further ones wait",
  },
  {
    value: WANTED_MAX,
    unit: "",
    of: "pieces of one task that a node fetches at once because readers wait for them",
    beyond: "further ones wait",
  },
  {
    value: PART_LENGTH_BYTES_MAX,
    unit: "bytes",
    of: "ranges of one request for a blob that are taken for parts",
    beyond: "the whole blob is fetched, as for a range without an end",
  },
  {
    value: ANSWERS_MAX,
    unit: "",
    of: "URLs of which a supernode remembers what their origin said, for nodes that fetch the same tree",
    beyond: "the origin of the one that was asked about longest ago is asked again",
  },
  {
    value: ANSWER_AGE_MS_MAX,
    unit: "ms",
    of: "the age to which such an answer counts; a `dfget -r` takes those since 5 seconds before it began",
    beyond: "the origin is asked again",
  },
  {
    value: BANS_MAX,
    unit: "",
    of: "nodes that a supernode keeps out although they connect again",
    beyond: "the one that was put out longest ago may take part again at once",
  },
  {
    value: SEND_BUFFER_BYTES_MAX,
    unit: "bytes",
    of: "what a node leaves unread of its supernode's frames",
    beyond: "the supernode drops the connection; the node connects again",
  },
  {
    value: RECORDS_MAX,
    unit: "",
    of: "contents whose piece digests a supernode remembers after their pieces were evicted",
    beyond: "the one written longest ago is forgotten, and hashed again when it is read again",
  },
  {
    value: PROOF_BYTES_MAX,
    unit: "bytes",
    of: "these remembered digests together",
    beyond: "as above",
  },
  {
    value: ARRIVED_BYTES_MAX,
    unit: "bytes",
    of: "what a node keeps in memory of pieces that have just come, for readers that wait for them",
    beyond: "they are read from the files",
  },
  {
    value: RECENT_BYTES_MAX,
    unit: "bytes",
    of: "what a supernode keeps in memory of the contents that it read last",
    beyond: "it is read from the files",
  },
  {
    value: LENT_SLOTS_MAX,
    unit: "",
    of: "blocks of that memory, 1 MiB each, that are sent without a copy; they may come on top of it",
    beyond: "pieces are copied to be sent",
  },
  {
    value: defaultSchedulerOptions.degree,
    unit: "",
    of: "neighbours that a supernode gives a node for a task, about",
    beyond: "more are given only to a node that starves",
  },
  {
    value: defaultSwarmOptions.neighboursMax,
    unit: "",
    of: "neighbours of a node per task, those that came by themselves included",
    beyond: "more are ignored",
  },
  {
    value: LINKS_MAX,
    unit: "",
    of: "control connections of a node to other nodes",
    beyond: "more are refused",
  },
  {
    value: defaultSwarmOptions.uploadSlots,
    unit: "",
    of: "pieces that a node sends to neighbours at the same time",
    beyond: "neighbours wait for a grant",
  },
  {
    value: defaultSwarmOptions.downloadSlots,
    unit: "",
    of: "pieces that a node fetches from neighbours at the same time",
    beyond: "the next waits",
  },
  {
    value: TrustedKeys.KEYS_MAX,
    unit: "",
    of: "supernode keys that a node believes",
    beyond: "the oldest is forgotten",
  },
  {
    value: VERDICT_MS_MAX,
    unit: "ms",
    of: "how long a registry's yes to a caller's credential is believed",
    beyond: "a longer `--verdict-life` counts as this",
  },
  {
    value: VERDICTS_MAX,
    unit: "",
    of: "such answers remembered by a mirror, and by a supernode",
    beyond: "the one used longest ago is forgotten, and the registry asked again",
  },
  {
    value: REDIRECTS_MAX,
    unit: "",
    of: "redirects of an origin that are followed",
    beyond: "the request fails",
  },
  {
    value: ENTRIES_MAX,
    unit: "",
    of: "origins in the file of `--origins`",
    beyond: "the program does not start",
  },
  {
    value: CONNECTIONS_MAX,
    unit: "",
    of: "connections of clients to a registry mirror",
    beyond: "closed at once; runtimes then ask the registry itself",
  },
  {
    value: TUNNELS_MAX,
    unit: "",
    of: "tunnels through a proxy at once",
    beyond: "CONNECT is refused with 503",
  },
  {
    value: RULES_MAX,
    unit: "",
    of: "rules of a proxy",
    beyond: "the program does not start",
  },
  {
    value: HOSTS_MAX,
    unit: "",
    of: "hosts whose certificates a proxy keeps",
    beyond: "the one used longest ago is made again when it is wanted",
  },
  {
    value: MANIFEST_LENGTH_BYTES_MAX,
    unit: "bytes",
    of: "a manifest",
    beyond: "the request fails",
  },
  {
    value: RANGES_MAX,
    unit: "",
    of: "ranges of a blob in one request",
    beyond: "the whole blob is sent",
  },
  {
    value: NAME_LENGTH_MAX,
    unit: "",
    of: "characters in the name of a repository",
    beyond: "the request is refused with `NAME_INVALID`",
  },
  {
    value: DOWNLOADS_MAX,
    unit: "",
    of: "downloads of `dfget` that run at once on a node",
    beyond: "one more is refused with `LIMIT_EXCEEDED`",
  },
  {
    value: WHOLE_MEMBERS_MAX,
    unit: "",
    of: "nodes that take part in the task of a file of at most 768 KiB and get it whole from the supernode",
    beyond: "the nodes that come later exchange it in pieces",
  },
  {
    value: BATCH_REQUESTS_MAX,
    unit: "",
    of: "small files of one call of `dfget` that its daemon answers at once",
    beyond: "the daemon reads on when one of them is answered",
  },
  {
    value: FILTERS_MAX,
    unit: "",
    of: "query parameters given by `--filter`",
    beyond: "the request is refused",
  },
  {
    value: TAG_LENGTH_MAX,
    unit: "",
    of: "characters of `--tag`",
    beyond: "the request is refused",
  },
  {
    value: URLS_MAX,
    unit: "",
    of: "URLs in the list of `dfget -i`",
    beyond: "the call is refused",
  },
  {
    value: CATALOG_MAX,
    unit: "",
    of: "tasks whose name and source a node remembers for `dfget ls`",
    beyond: "those longest unused are shown without them",
  },
  {
    value: SMALL_LENGTH_BYTES_MAX,
    unit: "bytes",
    of: "a manifest or blob that a node keeps in memory when it was read",
    beyond: "it is read from the disk each time",
  },
  {
    value: SMALL_CONTENTS_MAX,
    unit: "",
    of: "manifests and small blobs that a node keeps in memory",
    beyond: "those longest unused are read from the disk again",
  },
  {
    value: AWAKE_MAX,
    unit: "",
    of: "complete tasks that a node has open for 15 seconds after their last reader",
    beyond: "those opened first are closed at once; they are opened again for whoever asks",
  },
  {
    value: SMALL_CONTENTS_BYTES_MAX,
    unit: "bytes",
    of: "short contents (of at most 768 KiB) that a supernode keeps in memory, all together",
    beyond: "those longest unused are read from the disk again",
  },
  {
    value: PINS_MAX,
    unit: "",
    of: "tasks pinned by `dfget pin`",
    beyond: "one more is refused with `LIMIT_EXCEEDED`",
  },
];
