import { mustRun, runCommand } from "./run-command.ts";
import type { TemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

let terminalCount = 0;

/** A real terminal, made by tmux, in which one command runs. */
export class Terminal implements AsyncDisposable {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** Starts a shell command in a terminal of that size; its screen stays when the command has ended. */
  static async start(
    directory: TemporaryDirectory,
    command: string,
    size: { readonly columns: number; readonly rows: number },
  ): Promise<Terminal> {
    // A server that was told to end still answers for a moment: no two of them share a socket.
    terminalCount += 1;
    const terminal = new Terminal(directory.join(`tmux-${terminalCount}`));
    const { columns, rows } = size;
    await terminal.#tmux(
      ..."-f /dev/null new-session -d -s t".split(" "),
      "-x",
      String(columns),
      "-y",
      String(rows),
      "sh",
      "-c",
      `trap : INT; ${command}; echo "ended $?"; exec sleep 600`,
    );
    return terminal;
  }

  /** What is on the screen, row by row, without spaces at the ends; with colours as sequences where asked for. */
  async screen(options: { readonly hasColours?: boolean } = {}): Promise<readonly string[]> {
    const colours = options.hasColours === true ? ["-e"] : [];
    const text = await this.#tmux("capture-pane", "-p", ...colours, "-t", "t");
    return text.split("\n").map((row) => row.trimEnd());
  }

  /** Waits for a screen that has what is looked for. */
  async until(matches: RegExp, what: string): Promise<readonly string[]> {
    return await until(
      async () => {
        const rows = await this.screen();
        return rows.some((row) => matches.test(row)) ? rows : undefined;
      },
      { what },
    );
  }

  /** Changes the size, and returns when the program in the terminal can see it: tmux tells it a moment later. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-t", "t", "-x", String(columns), "-y", String(rows));
    const device = (await this.#tmux("display-message", "-p", "-t", "t", "#{pane_tty}")).trim();
    const size = async (): Promise<string> =>
      await mustRun({ command: "stty", args: ["-F", device, "size"] });
    await until(async () => (await size()).trim() === `${rows} ${columns}`, {
      what: "the new size to be told",
    });
  }

  async press(key: string): Promise<void> {
    await this.#tmux("send-keys", "-t", "t", key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runCommand({ command: "tmux", args: ["-S", this.#socket, "kill-server"] });
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const env = { TERM: "xterm-256color", LC_ALL: "C.UTF-8", NO_COLOR: undefined };
    return await mustRun({ command: "tmux", args: ["-u", "-S", this.#socket, ...args], env });
  }
}
