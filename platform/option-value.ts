import type { Endpoint } from "../protocol/endpoint.ts";
import { parseEndpoint } from "../protocol/endpoint.ts";
import { printableUrl } from "./printable-url.ts";
import { EXIT, UserError } from "./user-error.ts";

/** The error for an option whose value is not what it `must` be; it shows the value, which is no secret. */
export function optionError(flag: string, must: string, value: string): UserError {
  return new UserError(EXIT.usage, `--${flag} ${must}, not ${JSON.stringify(value)}`);
}

/**
 * Reads the value of an option that names a place, such as the `example`. Throws UserError (usage) unless it is
 * HOST:PORT with a port of at least `portMin`; port 0 stands for any free port.
 */
export function endpointOption(
  flag: string,
  value: string,
  { portMin, example }: { readonly portMin: 0 | 1; readonly example: string },
): Endpoint {
  const endpoint = parseEndpoint(value);
  if (!endpoint) throw optionError(flag, `must be host:port, such as ${example}`, value);
  if (endpoint.port < portMin) throw optionError(flag, "must name a port above 0", value);
  return endpoint;
}

/**
 * Reads the value of an option that names a server by an HTTP URL without a path. Throws UserError (usage), which
 * never shows a password, for anything else; `must` is what it says then.
 */
export function serverUrlOption(flag: string, value: string, must: string): URL {
  const url = URL.parse(value);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:") || url.host === "") {
    throw optionError(flag, must, value);
  }
  if (url.username !== "" || url.password !== "") {
    throw new UserError(
      EXIT.usage,
      `--${flag} for ${url.host} must not hold a user name or a password; remove them`,
    );
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw optionError(flag, "must end after the host and the port", printableUrl(url));
  }
  return url;
}
