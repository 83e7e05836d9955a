import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** Which IPv4 addresses a name has, asked for each question anew; undefined for a name that does not exist. */
export type Names = (name: string) => readonly string[] | undefined;

const TYPE_A = 1;
const NAME_UNKNOWN = 3;

/** A name server on port 53 of an address of this machine; what it says may be different each time. */
export class NameServer implements AsyncDisposable {
  /** How many questions for addresses it has answered. */
  questionCount = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket, names: Names) {
    this.#socket = socket;
    socket.on("message", (message, { address, port }) => {
      const answer = this.#answer(message, names);
      if (answer) socket.send(answer, port, address);
    });
  }

  static async start(address: string, names: Names): Promise<NameServer> {
    const socket = createSocket("udp4");
    socket.bind(53, address);
    await once(socket, "listening");
    return new NameServer(socket, names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }

  /** RFC 1035: the question comes back, followed by an address record for each address, good for no time at all. */
  #answer(message: Buffer, names: Names): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
      labels.push(message.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
    const end = at + 5;
    if (end > message.length) return undefined;
    const isForAddress = message.readUInt16BE(at + 1) === TYPE_A;
    if (isForAddress) this.questionCount += 1;
    const addresses = isForAddress ? names(labels.join(".").toLowerCase()) : [];
    const records = (addresses ?? []).map((address) =>
      Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)]),
    );
    const head = Buffer.from(message.subarray(0, 12));
    head.writeUInt16BE(0x8180 | (addresses ? 0 : NAME_UNKNOWN), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    head.fill(0, 8);
    return Buffer.concat([head, message.subarray(12, end), ...records]);
  }
}
