import type { Log } from "../../platform/log.ts";
import type { OriginForwarder } from "../../platform/origin/origin-forwarder.ts";
import { passedOn } from "../../platform/origin/origin-forwarder.ts";
import type { RegistryContent } from "../../platform/origin/registry-content.ts";
import { parseRegistryContent } from "../../platform/origin/registry-content.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Visitors } from "../access/visitors.ts";
import { registryErrorOf } from "../registry-error.ts";
import type { BlobRoute } from "../routes/blob-route.ts";
import type { Exchange } from "../routes/exchange.ts";
import type { Repository } from "../upstream/repository.ts";
import type { ProxyClients } from "./proxy-clients.ts";
import type { ProxyRule } from "./proxy-rules.ts";
import { decide } from "./proxy-rules.ts";
import type { SharedDownload } from "./shared-download.ts";
import { isShareable } from "./shared-headers.ts";

export interface ProxyFrontDeps {
  readonly rules: readonly ProxyRule[];
  readonly clients: ProxyClients;
  readonly downloads: SharedDownload;
  readonly blobs: BlobRoute;
  readonly visitors: Visitors;
  readonly forwarder: OriginForwarder;
  readonly log: Log;
}

/** Answers the requests of clients that use the node as their HTTP proxy. */
export class ProxyFront {
  readonly #deps: ProxyFrontDeps;

  constructor(deps: ProxyFrontDeps) {
    this.#deps = deps;
  }

  /** Answers a request for `url`, in every case; never rejects. */
  async handle(exchange: Exchange, url: URL): Promise<void> {
    exchange.route = "proxy";
    try {
      if (!this.#deps.clients.has(exchange.request)) {
        return refuse(exchange, 403, this.#deps.clients.refusal);
      }
      await this.#answer(exchange, url);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  async #answer(exchange: Exchange, url: URL): Promise<void> {
    const { rules, downloads } = this.#deps;
    const { method = "", headers } = exchange.request;
    const decision = decide(rules, method, url);
    if (decision.isShared && isShareable(headers)) {
      const blob = parseRegistryContent(decision.url.href);
      const isAnswered =
        blob?.kind === "blobs"
          ? await this.#answerBlob(exchange, decision.url, blob)
          : await downloads.answer(exchange, decision);
      if (isAnswered) return;
    }
    await this.#forward(exchange, decision.url);
  }

  /** A blob of a registry is what the mirror would give for it, under the same rights. */
  async #answerBlob(exchange: Exchange, url: URL, content: RegistryContent): Promise<boolean> {
    const { blobs, visitors, log } = this.#deps;
    const { digest, repositoryUrl } = content;
    const name = repositoryUrl.slice(`${url.origin}/v2/`.length);
    const upstream = { registry: url.host, baseUrl: url.origin };
    const repository: Repository = { upstream, name, clientName: name };
    const wish = { path: `blobs/${digest}`, accept: undefined };
    try {
      const rights = await visitors.rightsOf(exchange, repository, wish);
      await blobs.answer(exchange, repository, rights, digest);
      return true;
    } catch (error) {
      if (exchange.signal.aborted || exchange.hasBegun) throw error;
      const code = error instanceof ProtocolError ? error.code : undefined;
      log.debug({ code }, "a blob is left to its registry");
      return false;
    }
  }

  async #forward(exchange: Exchange, url: URL): Promise<void> {
    const { request, signal } = exchange;
    const { method = "GET", headers } = request;
    const hasBody =
      headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
    exchange.source = undefined;
    const answer = await this.#deps.forwarder.forward(
      { method, url, headers, body: hasBody ? request : undefined },
      signal,
    );
    try {
      exchange.markOpened("origin");
      exchange.begin(answer.status, passedOn(answer.headers));
      if (!exchange.isHead) for await (const chunk of answer.body) await exchange.write(chunk);
      exchange.end();
    } finally {
      answer.dispose();
    }
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { log } = this.#deps;
    if (exchange.hasClientLeft) {
      exchange.response.destroy();
      return;
    }
    const code = error instanceof ProtocolError ? error.code : "INTERNAL";
    if (!(error instanceof ProtocolError)) log.error({ err: error }, "a request met a defect");
    if (exchange.hasBegun) {
      log.warn({ route: "proxy", code, sentBytes: exchange.sentBytes }, "an answer was broken off");
      exchange.giveUp();
      return;
    }
    const { status, message } = registryErrorOf(error, "repository");
    refuse(exchange, status, message);
  }
}

function refuse(exchange: Exchange, status: number, message: string): void {
  exchange.source = undefined;
  const headers = { "content-type": "text/plain; charset=utf-8", "x-darter-error": "proxy" };
  exchange.send(status, headers, `${message}\n`);
}
