import { once } from "node:events";
import { connect } from "node:net";
import { request } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { WebSocket } from "ws";
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from "../../protocol/version.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";

const LONG_HEADER = { "x-long": "x".repeat(40_000) };
const ABSENT_DIGEST = `sha256:${"0".repeat(64)}`;

/** Where a program of the fleet listens. */
type Place = "supernode" | "mirror" | "peer";

interface BadRequest {
  readonly what: string;
  readonly place: Place;
  readonly path: string;
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  /** How errors look at this place: our own form, or that of the OCI distribution specification. */
  readonly form: "ours" | "oci" | "any";
}

const BLOBS = "/v2/team/app/blobs";
const MANIFESTS = "/v2/team/app/manifests";

const REQUESTS: readonly BadRequest[] = [
  {
    what: "a malformed digest",
    place: "mirror",
    path: `${BLOBS}/sha256:zz`,
    status: 400,
    form: "oci",
  },
  {
    what: "a digest of an unknown kind",
    place: "mirror",
    path: `${BLOBS}/md5:0123456789abcdef0123456789abcdef`,
    status: 400,
    form: "oci",
  },
  {
    what: "a malformed digest of a manifest",
    place: "mirror",
    path: `${MANIFESTS}/sha256:baddigeststring`,
    status: 400,
    form: "oci",
  },
  {
    what: "an absent blob",
    place: "mirror",
    path: `${BLOBS}/${ABSENT_DIGEST}`,
    status: 404,
    form: "oci",
  },
  { what: "an absent tag", place: "mirror", path: `${MANIFESTS}/absent`, status: 404, form: "oci" },
  {
    what: "a push",
    place: "mirror",
    path: `${BLOBS}/uploads/`,
    method: "POST",
    status: 405,
    form: "oci",
  },
  {
    what: "a registry that is not allowed",
    place: "mirror",
    path: `${MANIFESTS}/v1?ns=169.254.169.254`,
    status: 403,
    form: "oci",
  },
  {
    what: "a malformed task",
    place: "supernode",
    path: "/api/v1/tasks/sha256:zz",
    status: 400,
    form: "ours",
  },
  {
    what: "an unknown route",
    place: "supernode",
    path: "/api/v1/nothing",
    status: 404,
    form: "ours",
  },
  {
    what: "a piece of a malformed task",
    place: "peer",
    path: "/pieces/sha256:zz/0",
    status: 400,
    form: "any",
  },
  {
    what: "a piece with a malformed index",
    place: "peer",
    path: `/pieces/${ABSENT_DIGEST}/-1`,
    status: 400,
    form: "any",
  },
  {
    what: "an absent piece",
    place: "peer",
    path: `/pieces/${ABSENT_DIGEST}/0`,
    status: 404,
    form: "any",
  },
  {
    what: "an absent piece of the seed",
    place: "supernode",
    path: `/pieces/${ABSENT_DIGEST}/0`,
    status: 404,
    form: "any",
  },
  {
    what: "an over-long header",
    place: "mirror",
    path: "/v2/",
    headers: LONG_HEADER,
    status: 431,
    form: "any",
  },
  {
    what: "an over-long header",
    place: "supernode",
    path: "/version",
    headers: LONG_HEADER,
    status: 431,
    form: "any",
  },
  {
    what: "an over-long header",
    place: "peer",
    path: "/metrics",
    headers: LONG_HEADER,
    status: 431,
    form: "any",
  },
];

describe("a running fleet", () => {
  const resources = new AsyncDisposableStack();
  let registry: FaultyOrigin;
  let fleet: Fleet;

  beforeAll(async () => {
    // It knows nothing, so it answers 404 to all that is passed on to it.
    registry = resources.use(await FaultyOrigin.start());
    fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount: 1,
      upstreams: [registry.url],
      allowOrigins: [registry.authority],
    });
    resources.use(fleet);
  });

  afterAll(() => resources.disposeAsync());

  afterEach(async () => {
    for (const url of [fleet.supernodeUrl, fleet.node(0).peerUrl]) {
      const answer = await request(`${url}/metrics`);
      await answer.body.dump();
      expect(answer.statusCode, `${url} after the bad request`).toBe(200);
    }
  });

  const urlOf = (place: Place): string => {
    const urls: Record<Place, string> = {
      supernode: fleet.supernodeUrl,
      mirror: fleet.node(0).mirrorUrl,
      peer: fleet.node(0).peerUrl,
    };
    return urls[place];
  };

  it.for(REQUESTS)("answers $status at the $place for $what", async (bad) => {
    onTestFailed(() => console.error(fleet.lastWords()));
    const answer = await request(urlOf(bad.place) + bad.path, {
      method: bad.method ?? "GET",
      headers: { ...bad.headers },
    });
    const text = await answer.body.text();
    expect({ status: answer.statusCode, text }).toMatchObject({ status: bad.status });
    expectForm(bad.form, text);
    expect(text).not.toMatch(/\n\s+at .*:\d+/);
  });

  /** Opens a socket as a node would; gives the close code and reason. */
  const closeAfter = async (socket: WebSocket, frame: Uint8Array): Promise<[number, string]> => {
    await once(socket, "open");
    socket.send(frame);
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    return [code, reason.toString()];
  };

  const sockets = [
    { place: "supernode", path: "/api/v1/node" },
    { place: "peer", path: "/control" },
  ] as const;

  it.for(sockets)(
    "closes the socket of a $place with a reason on a frame of garbage",
    async (each) => {
      onTestFailed(() => console.error(fleet.lastWords()));
      const url = urlOf(each.place).replace("http:", "ws:") + each.path;
      const headers = { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) };
      // A known kind of frame whose fields cannot be read.
      const garbage = Buffer.concat([
        Buffer.of(1, ...Array<number>(20).fill(0xff)),
        seededBytes("garbage", 200),
      ]);
      const [code, reason] = await closeAfter(new WebSocket(url, { headers }), garbage);
      expect(code, reason).not.toBe(1000);
      expect(code, reason).not.toBe(1006);
      expect(reason).toMatch(/\S/);
    },
  );

  it.for(sockets)("refuses another protocol version at the $place with 426", async (each) => {
    const url = urlOf(each.place).replace("http:", "ws:") + each.path;
    const headers = { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION + 1000) };
    const socket = new WebSocket(url, { headers });
    socket.on("error", () => undefined);
    const [, response] = (await once(socket, "unexpected-response")) as [
      unknown,
      AsyncIterable<Buffer> & { statusCode: number },
    ];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    socket.terminate();
    expect(response.statusCode).toBe(426);
    expect(Buffer.concat(chunks).toString()).toMatch(/version/);
  });

  it("answers a TLS client on its plain port with bytes that begin an HTTP answer", async () => {
    const { hostname, port } = new URL(fleet.node(0).mirrorUrl);
    const socket = connect(Number(port), hostname);
    // The head of a TLS record that holds a ClientHello.
    socket.write(Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03));
    const [answer] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(answer.toString("latin1", 0, 5)).toBe("HTTP/");
  });
});

function expectForm(form: BadRequest["form"], text: string): void {
  if (form === "any") return;
  const body = JSON.parse(text) as Record<string, unknown>;
  if (form === "ours") {
    expect(body).toMatchObject({
      code: expect.stringMatching(/\S/),
      message: expect.stringMatching(/\S/),
    });
    return;
  }
  const sample = { code: expect.stringMatching(/\S/), message: expect.stringMatching(/\S/) };
  expect(body).toMatchObject({ errors: [sample] });
}
