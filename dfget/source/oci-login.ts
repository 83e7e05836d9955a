import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { fetchText } from "./read-body.ts";
import type { SourceDeps } from "./source.ts";

/** Finds out what a registry wants to be shown, by its challenge and the user's docker login. */
export class RegistryLogin {
  readonly #deps: SourceDeps;
  readonly #signal: AbortSignal;

  constructor(deps: SourceDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** The headers to ask for the content of a repository with. Throws ProtocolError, UserError. */
  async headersFor(
    base: string,
    host: string,
    repository: string,
  ): Promise<Record<string, string>> {
    const { headers, fetch } = this.#deps;
    if ("authorization" in headers) return {};
    const challenge = await this.#challengeOf(base);
    if (challenge === undefined) return {};
    const login = dockerLogin(host, this.#deps.env);
    if (/^basic\b/i.test(challenge)) {
      return login === undefined ? {} : { authorization: `Basic ${login}` };
    }
    const fields = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [
        key!.toLowerCase(),
        value!,
      ]),
    );
    const realm = URL.parse(fields.get("realm") ?? "");
    if (!realm || !/^bearer\b/i.test(challenge)) {
      throw new UserError(
        EXIT.denied,
        `the registry ${host} wants a login of a kind that is not known`,
      );
    }
    realm.searchParams.set("service", fields.get("service") ?? host);
    realm.searchParams.set("scope", `repository:${repository}:pull`);
    const shown: Record<string, string> =
      login === undefined ? {} : { authorization: `Basic ${login}` };
    const { text } = await fetchText(fetch, realm.href, shown, this.#signal);
    const token = tokenOf(text);
    if (token !== undefined) return { authorization: `Bearer ${token}` };
    throw new UserError(
      EXIT.denied,
      `the registry ${host} gave no token; log in with docker login`,
    );
  }

  /** What `/v2/` asks for; undefined where it asks for nothing. */
  async #challengeOf(base: string): Promise<string | undefined> {
    try {
      await fetchText(this.#deps.fetch, `${base}/v2/`, {}, this.#signal);
      return undefined;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === "ORIGIN_UNAUTHORIZED") {
        return error.details.challenge ?? "";
      }
      // Some registries have nothing there, and all the rest.
      if (error instanceof ProtocolError && error.code === "ORIGIN_NOT_FOUND") return undefined;
      throw error;
    }
  }
}

function tokenOf(text: string): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(text) as Record<string, unknown>;
    return typeof token === "string" ? token : typeof other === "string" ? other : undefined;
  } catch {
    return undefined;
  }
}

/** User and password as `docker login` keeps them, in Base64. */
function dockerLogin(host: string, env: SourceDeps["env"]): string | undefined {
  const directory = env["DOCKER_CONFIG"] ?? join(env["HOME"] ?? homedir(), ".docker");
  try {
    const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8")) as {
      auths?: Record<string, { auth?: unknown }>;
    };
    const key = host === "docker.io" ? "https://index.docker.io/v1/" : host;
    const auth = config.auths?.[key]?.auth;
    return typeof auth === "string" && auth !== "" ? auth : undefined;
  } catch {
    return undefined;
  }
}
