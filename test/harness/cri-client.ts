import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { Login } from "./login.ts";

/** Pulls an image by the container runtime interface of a runtime's socket, with a login as the kubelet passes it. */
export async function pullImage(
  socketPath: string,
  image: string,
  login: Login | undefined,
  timeoutMs: number,
): Promise<void> {
  const auth = login && [...text(1, login.user), ...text(2, login.password)];
  const request = [...bytes(1, text(1, image)), ...(auth ? bytes(2, auth) : [])];
  const method = "/runtime.v1.ImageService/PullImage";
  await call(socketPath, method, Buffer.from(request), timeoutMs);
}

/** One gRPC call with one message each way; rejects with the status that is not OK. */
async function call(
  socketPath: string,
  method: string,
  message: Buffer,
  timeoutMs: number,
): Promise<Buffer> {
  const session = connectHttp2("http://localhost", { createConnection: () => connect(socketPath) });
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": method,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const chunks: Buffer[] = [];
      let status: Record<string, unknown> = {};
      stream.setTimeout(timeoutMs, () => reject(new Error(`${method} took too long`)));
      stream.on("response", (headers) => (status = headers));
      stream.on("trailers", (trailers) => (status = trailers));
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("end", () => {
        if (status["grpc-status"] === "0") return resolve(Buffer.concat(chunks).subarray(5));
        const reason = decodeURIComponent(String(status["grpc-message"]));
        reject(new Error(`${method}: ${reason}`));
      });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([head, message]));
    });
  } finally {
    session.destroy();
  }
}

/** A length-delimited field of Protocol Buffers. */
function bytes(field: number, value: readonly number[]): number[] {
  return [(field << 3) | 2, ...varint(value.length), ...value];
}

function text(field: number, value: string): number[] {
  return bytes(field, [...Buffer.from(value)]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
