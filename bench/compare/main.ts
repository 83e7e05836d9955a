import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { loadConfig } from "../../platform/config.ts";
import type { ProgramDefinition } from "../../platform/config.ts";
import { duration, optionTable, text, toggle, wholeNumber } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { lockBench } from "../frame/bench-lock.ts";
import { withinTime } from "../frame/time-limit.ts";
import { Repository } from "./checkout.ts";
import { compareText, worseThan } from "./compare-text.ts";
import { compareBench } from "./comparing.ts";
import type { ComparedResult, Sides } from "./comparing.ts";
import { comparedBenches } from "./measured-benches.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const schema = optionTable({
  failAt: wholeNumber({
    default: 0,
    maximum: 1000,
    description: "end with an error when a cost has become so many times as much; 0 for never",
  }),
  rounds: wholeNumber({
    default: 3,
    minimum: 1,
    maximum: 100,
    description: "how often each bench runs at each commit, in turn",
  }),
  small: toggle({ default: false, description: "one round of little content, for a quick look" }),
  repository: text({
    default: ROOT,
    placeholder: "DIRECTORY",
    description: "the checkout whose commits are compared",
  }),
  timeout: duration({ default: 30 * 60_000, description: "the most that everything may take" }),
});

const definition: ProgramDefinition<typeof schema> = {
  program: "bench-compare",
  usage: ["npm run bench:compare -- [options] [BASE [HEAD]]"],
  summary:
    "Runs the micro and transfer benches of two commits in turn and prints how many times as much everything costs. BASE is the commit before the one that is checked out unless it is given, HEAD the files as they lie here.",
  schema,
  positionalsMax: 2,
};

await runProgram(
  "bench:compare",
  async (interrupted) => {
    const loaded = loadConfig(definition, { argv: process.argv.slice(2), env: process.env });
    if (loaded.request !== undefined) {
      process.stdout.write(answerRequest(definition, loaded));
      return;
    }
    const { config, positionals } = loaded;
    const failAt = config.failAt === 0 ? undefined : config.failAt;
    const rounds = config.small ? 1 : config.rounds;
    const repository = new Repository(config.repository);
    const baseName = positionals[0] ?? (await parentOf(repository));
    if (baseName === undefined) return;
    await using _lock = await lockBench("compare");
    await using resources = new AsyncDisposableStack();
    const sides = await checkOutSides(repository, baseName, positionals[1], resources);
    const results: ComparedResult[] = [];
    await withinTime(config.timeout, interrupted, async (signal) => {
      for (const bench of comparedBenches(config.small)) {
        results.push(await compareBench(bench, sides, { rounds, failAt }, say, signal));
      }
    }).catch((error: unknown) => {
      if (error instanceof UserError) throw error;
      throw new UserError(EXIT.someFailed, (error as Error).message, error);
    });
    process.stdout.write(`\n${compareText(results, failAt)}\n`);
    if (failAt === undefined) return;
    const worse = worseThan(results, failAt).map(
      ({ name, bestRatio }) => `${name} (${bestRatio.toFixed(2)} x)`,
    );
    if (worse.length > 0) {
      throw new UserError(
        EXIT.someFailed,
        `costs ${failAt} times as much as at ${sides.base.name}, or more: ${worse.join(", ")}`,
      );
    }
  },
  { isUntidy: true },
);

/** The commit before this one; undefined, and said, when there is none, which is no failure. */
async function parentOf(repository: Repository): Promise<string | undefined> {
  const parent = await repository.parent();
  if ("commit" in parent) return parent.commit;
  process.stdout.write(`there is no commit before this one to compare with: ${parent.reason}\n`);
  return undefined;
}

async function checkOutSides(
  repository: Repository,
  baseName: string,
  headName: string | undefined,
  resources: AsyncDisposableStack,
): Promise<Sides> {
  const base = await repository.commitOf(baseName);
  const head = headName === undefined ? undefined : await repository.commitOf(headName);
  for (const commit of [base, head]) {
    if (commit !== undefined && (await repository.hasOtherPackages(commit))) {
      say(`${commit.slice(0, 12)} needs other packages; it is measured with those that are here`);
    }
  }
  const directory = resources.use(await TemporaryDirectory.create("compare"));
  const temporaryPath = directory.join("tmp");
  await mkdir(temporaryPath);
  return {
    temporaryPath,
    base: {
      name: base.slice(0, 12),
      path: await repository.checkOut(base, directory.join("base"), resources),
    },
    head:
      head === undefined
        ? { name: "this checkout", path: repository.path }
        : {
            name: head.slice(0, 12),
            path: await repository.checkOut(head, directory.join("head"), resources),
          },
  };
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}
