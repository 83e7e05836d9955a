import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { Endpoint } from "../protocol/endpoint.ts";
import { formatEndpoint } from "../protocol/endpoint.ts";
import { EXIT, UserError } from "./user-error.ts";

/**
 * Makes a server listen on a TCP endpoint and returns where it listens, which differs for port 0.
 * Throws UserError when the address is taken, does not belong to this machine, or is not allowed for this user.
 */
export async function listenOn(server: Server, endpoint: Endpoint): Promise<Endpoint> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, endpoint));
    server.once("error", onError);
    server.listen({ host: endpoint.host, port: endpoint.port }, () => {
      server.off("error", onError);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

function listenError(error: NodeJS.ErrnoException, endpoint: Endpoint): Error {
  const where = formatEndpoint(endpoint);
  switch (error.code) {
    case "EADDRINUSE":
      return new UserError(
        EXIT.addressInUse,
        `cannot listen on ${where}: another process does; stop it or choose another address`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new UserError(
        EXIT.usage,
        `cannot listen on ${where}: this machine has no such address`,
      );
    case "EACCES":
      return new UserError(
        EXIT.usage,
        `cannot listen on ${where}: this user may not; choose a port above 1023`,
      );
    default:
      return error;
  }
}
