import { once } from "node:events";
import { WebSocket } from "ws";
import { ChildProcess } from "./child-process.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

const START_MS_MAX = 30_000;
const ANSWER_MS_MAX = 30_000;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** A page in a headless Chromium, driven by its developer tools' protocol. All is gone when it is disposed. */
export class BrowserPage implements AsyncDisposable {
  /** What the page wrote to the console, and errors of scripts and of loading. */
  readonly complaints: string[] = [];
  /** What the page asked the network for, without the page itself. */
  readonly requests: string[] = [];
  readonly #socket: WebSocket;
  readonly #resources: AsyncDisposableStack;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #sessionId: string | undefined;
  #sent = 0;

  private constructor(socket: WebSocket, resources: AsyncDisposableStack) {
    this.#socket = socket;
    this.#resources = resources;
    socket.on("message", (data) =>
      this.#take(JSON.parse((data as Buffer).toString("utf8")) as Message),
    );
  }

  /** Opens a page in a window of this size; returns when it is loaded. */
  static async open(
    url: string,
    size: { readonly width: number; readonly height: number },
  ): Promise<BrowserPage> {
    await using resources = new AsyncDisposableStack();
    const directory = resources.use(await TemporaryDirectory.create("browser"));
    const browser = await ChildProcess.start({
      name: "chromium",
      command: "chromium",
      args: [
        ..."--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars".split(
          " ",
        ),
        ..."--no-first-run --disable-background-networking --remote-debugging-port=0".split(" "),
        `--user-data-dir=${directory.path}`,
        `--window-size=${size.width},${size.height}`,
      ],
    });
    resources.use(browser);
    const line = await browser.waitForLine((said) => said.includes("DevTools listening on "), {
      what: "where its developer tools listen",
      timeoutMs: START_MS_MAX,
    });
    const socket = new WebSocket(line.slice(line.indexOf("ws://")), { maxPayload: 64 * 1024 ** 2 });
    await once(socket, "open");
    resources.defer(() => socket.terminate());
    const page = new BrowserPage(socket, resources.move());
    try {
      await page.#load(url);
    } catch (error) {
      await page[Symbol.asyncDispose]();
      throw error;
    }
    return page;
  }

  /** What an expression of JavaScript gives in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** One command of the protocol to the page, and its answer. */
  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#sent;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    const late = setTimeout(() => resolve({ error: { message: "no answer came" } }), ANSWER_MS_MAX);
    const session = this.#sessionId === undefined ? {} : { sessionId: this.#sessionId };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const answer = await promise;
    clearTimeout(late);
    this.#waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #load(url: string): Promise<void> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    this.#sessionId = String(sessionId);
    for (const part of ["Runtime", "Log", "Network", "Page"]) await this.send(`${part}.enable`);
    await this.send("Page.navigate", { url });
    await this.evaluate(
      `new Promise((done) => { const look = () => document.readyState === "complete" && location.href !== "about:blank" ? done(true) : setTimeout(look, 20); look(); })`,
    );
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      return;
    }
    const { method, params } = message;
    if (method === "Network.requestWillBeSent") {
      const { request, type } = params as { request: { url: string }; type?: string };
      if (type !== "Document") this.requests.push(request.url);
    }
    const isComplaint = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
    if (method !== undefined && isComplaint.includes(method)) {
      this.complaints.push(JSON.stringify(params));
    }
  }
}
