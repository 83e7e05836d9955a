import type { ProgramDefinition } from "../platform/config.ts";
import { loadConfig } from "../platform/config.ts";
import { optionTable, text } from "../platform/config-option.ts";
import { answerRequest } from "../platform/config-text.ts";
import { serverUrlOption } from "../platform/option-value.ts";
import { EXIT, UserError } from "../platform/user-error.ts";

const ANSWER_MS_MAX = 10_000;

const schema = optionTable({
  mirror: text({
    default: "http://127.0.0.1:65001",
    description: "where the mirror is, on this machine",
    placeholder: "URL",
  }),
});

export const purgeDefinition: ProgramDefinition<typeof schema> = {
  program: "registry-proxy purge",
  usage: ["registry-proxy purge [options] IMAGE..."],
  summary: "Makes the mirror forget what the tags of images mean, for outages too.",
  schema,
  positionalsMax: 1000,
};

/** Runs `registry-proxy purge`. Throws UserError when the mirror cannot be asked or refuses. */
export async function runPurge(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void,
): Promise<void> {
  const loaded = loadConfig(purgeDefinition, { argv, env });
  if (loaded.request) return print(answerRequest(purgeDefinition, loaded));
  const { positionals, config } = loaded;
  const mirror = serverUrlOption("mirror", config.mirror, "must be a URL");
  if (positionals.length === 0) {
    const message = "name an image such as registry.example.com/team/app:v1; see --help";
    throw new UserError(EXIT.usage, message);
  }
  for (const image of positionals) {
    print(`${image}: ${await purge(mirror, image)} answers of its registry forgotten\n`);
  }
}

async function purge(mirror: URL, image: string): Promise<number> {
  const url = new URL("/purge", mirror);
  url.searchParams.set("image", image);
  let answer;
  try {
    answer = await fetch(url, { method: "POST", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  } catch (error) {
    const message = `the mirror at ${mirror.origin} cannot be asked; is registry-proxy running?`;
    throw new UserError(EXIT.daemonUnavailable, message, error);
  }
  const body = (await answer.json().catch(() => ({}))) as {
    readonly forgotten?: number;
    readonly errors?: readonly { readonly message: string }[];
  };
  if (answer.ok && body.forgotten !== undefined) return body.forgotten;
  const reason = body.errors?.[0]?.message ?? `it answered ${answer.status}`;
  throw new UserError(EXIT.usage, `${image} was not purged: ${reason}`);
}
