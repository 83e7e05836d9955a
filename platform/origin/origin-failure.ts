import type { ErrorDetails } from "../../protocol/protocol-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { printableUrl } from "../log.ts";
import { retryAfterMs } from "./retry-after.ts";

/** When the same request may be sent again. */
export type TryAgain =
  /** It would fail again. */
  | "no"
  /** No connection was made: a few quick tries, because a user waits for the message. */
  | "connection"
  /** The origin is there, but overloaded or broken. */
  | "answer";

/** A failed attempt: the error to show if nothing helps, and whether another attempt may. */
export class OriginFailure extends Error {
  override readonly name = "OriginFailure";
  readonly error: ProtocolError;
  readonly tryAgain: TryAgain;

  constructor(error: ProtocolError, tryAgain: TryAgain) {
    super(error.message, { cause: error });
    this.error = error;
    this.tryAgain = tryAgain;
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name is not known; check the address",
  EAI_AGAIN: "its name could not be looked up; check the address and the name server",
  ECONNREFUSED: "the connection was refused; check the address and that it is running",
  EHOSTUNREACH: "there is no route to it; check the address",
  ENETUNREACH: "there is no route to its network; check the address",
  ETIMEDOUT: "it does not answer; check the address and the firewall",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer; check the address and the firewall",
};

/** What an error while connecting, or while waiting for an answer, means. */
export function failureOfError(error: unknown, url: string): OriginFailure {
  if (error instanceof OriginFailure) return error;
  if (error instanceof ProtocolError) return new OriginFailure(error, "no");
  const code = codeOf(error);
  const reason = UNREACHABLE[code];
  if (reason !== undefined) {
    const message = `the origin ${printableUrl(url)} cannot be reached: ${reason}`;
    return new OriginFailure(
      new ProtocolError("ORIGIN_UNREACHABLE", message, {}, error),
      "connection",
    );
  }
  if (isTlsCode(code)) {
    const message = `no secure connection to the origin ${printableUrl(url)} could be made (${code}); check its certificate`;
    return new OriginFailure(new ProtocolError("ORIGIN_UNREACHABLE", message, {}, error), "no");
  }
  if (code === "UND_ERR_INVALID_ARG") {
    const message = `the request for ${printableUrl(url)} cannot be sent; check its headers`;
    return new OriginFailure(new ProtocolError("BAD_REQUEST", message, {}, error), "no");
  }
  if (code === "UND_ERR_MAX_ORIGINS_REACHED") {
    const message = "connections to too many origins are open; try again later";
    return new OriginFailure(new ProtocolError("LIMIT_EXCEEDED", message, {}, error), "no");
  }
  const [what, tryAgain] = brokenAnswer(code);
  const message = `the origin ${printableUrl(url)} ${what}; try again later`;
  return new OriginFailure(new ProtocolError("ORIGIN_FAILED", message, {}, error), tryAgain);
}

function brokenAnswer(code: string): readonly [string, TryAgain] {
  switch (code) {
    case "UND_ERR_HEADERS_TIMEOUT":
      return ["took too long to answer", "answer"];
    case "UND_ERR_HEADERS_OVERFLOW":
    case "HPE_HEADER_OVERFLOW":
      return ["sent more headers than are accepted", "no"];
    case "UND_ERR_BODY_TIMEOUT":
      return ["stopped sending", "answer"];
    case "":
    case "UND_ERR_SOCKET":
    case "ECONNRESET":
    case "EPIPE":
      return ["broke off", "answer"];
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return ["sent more or less than it said", "answer"];
    default:
      if (code.startsWith("HPE_")) return ["does not speak HTTP", "answer"];
      return [`broke off (${code})`, "answer"];
  }
}

/** What a status other than success means. `header` looks up a header of the answer. */
export function failureOfStatus(
  status: number,
  header: (name: string) => string | undefined,
  url: string,
): OriginFailure {
  const where = printableUrl(url);
  const challenge = usableChallenge(header("www-authenticate"));
  const details: ErrorDetails = {
    originStatus: status,
    ...(challenge === undefined ? {} : { challenge }),
  };
  const fail = (code: ProtocolError["code"], message: string, tryAgain: TryAgain = "no") =>
    new OriginFailure(new ProtocolError(code, message, details), tryAgain);
  switch (status) {
    case 401:
      return fail(
        "ORIGIN_UNAUTHORIZED",
        `the origin asks for credentials for ${where} (401); log in or check user and password`,
      );
    case 403:
      return fail(
        "ORIGIN_DENIED",
        `the origin refuses to hand out ${where} (403); check that you may read it`,
      );
    case 404:
    case 410:
      return fail(
        "ORIGIN_NOT_FOUND",
        `the origin has nothing at ${where} (${status}); check the address`,
      );
    default:
  }
  if (status !== 429 && status < 500) {
    return fail("ORIGIN_FAILED", `the origin answered ${status} for ${where}; check the request`);
  }
  const waitMs = retryAfterMs(header("retry-after"), header("date"));
  return new OriginFailure(
    new ProtocolError(
      "ORIGIN_FAILED",
      `the origin answered ${status} for ${where}; try again later`,
      { ...details, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) },
    ),
    "answer",
  );
}

/** A challenge is passed on to callers; one that is no plain text, or absurdly long, helps nobody. */
function usableChallenge(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x20-\x7e]{1,8192}$/.test(text) ? text : undefined;
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  if ("errors" in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return "";
}

function isTlsCode(code: string): boolean {
  return (
    /^(CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/.test(code) ||
    ["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT", "EPROTO"].includes(code)
  );
}
