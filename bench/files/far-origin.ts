import { createServer, connect } from "node:net";
import type { Socket } from "node:net";

/*
 * A process of its own, run as `far-origin.ts LISTEN-HOST LISTEN-PORT HOST PORT MS`: passes connections on to an origin, and holds
 * what comes back for so many milliseconds, as a line of that round trip would. Kernels without netem can do no better.
 */

const [listenHost = "", listenPort = "", host = "", port = "", delayText = ""] =
  process.argv.slice(2);
const delayMs = Number(delayText);
/** What a connection has under way at most; a sender waits then. */
const UNDER_WAY_BYTES_MAX = 4 * 1024 * 1024;

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ host, port: Number(port), noDelay: true });
  near.pipe(far);
  far.on("error", () => near.destroy());
  near.on("error", () => far.destroy());
  near.on("close", () => far.destroy());
  holdBack(far, near);
});
server.listen(Number(listenPort), listenHost, () => process.stderr.write("ready\n"));
process.once("SIGTERM", () => process.exit(0));

function holdBack(from: Socket, to: Socket): void {
  let heldBytes = 0;
  from.on("data", (chunk) => {
    heldBytes += chunk.length;
    if (heldBytes > UNDER_WAY_BYTES_MAX) from.pause();
    setTimeout(() => {
      heldBytes -= chunk.length;
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      } else if (heldBytes <= UNDER_WAY_BYTES_MAX) from.resume();
    }, delayMs);
  });
  from.on("end", () => setTimeout(() => to.end(), delayMs));
}
