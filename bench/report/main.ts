import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { fileFailure } from "../../dfget/cli/file-failure.ts";
import { loadConfig } from "../../platform/config.ts";
import type { ProgramDefinition } from "../../platform/config.ts";
import { optionTable, optionalText, text } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { runProgram } from "../../platform/lifecycle.ts";
import { RESULTS_DIRECTORY, giveToOwner } from "../frame/result-file.ts";
import { readResults } from "./kept-results.ts";
import { reportPage } from "./report-page.ts";

const schema = optionTable({
  from: text({
    default: RESULTS_DIRECTORY,
    placeholder: "DIRECTORY",
    description: "where the results are that --save kept",
  }),
  output: optionalText({
    placeholder: "FILE",
    description: "the page to write; report.html beside the results when left out",
  }),
});

const definition: ProgramDefinition<typeof schema> = {
  program: "bench-report",
  usage: ["npm run bench:report -- [options]"],
  summary: "Draws the kept results of the benches into one page of HTML that needs nothing else.",
  schema,
  positionalsMax: 0,
};

await runProgram("bench:report", async () => {
  const loaded = loadConfig(definition, { argv: process.argv.slice(2), env: process.env });
  if (loaded.request !== undefined) {
    process.stdout.write(answerRequest(definition, loaded));
    return;
  }
  const { from, output = join(from, "report.html") } = loaded.config;
  const page = reportPage(await readResults(from));
  try {
    await writeFile(output, page);
    await giveToOwner(output);
  } catch (error) {
    throw fileFailure(error, output);
  }
  process.stdout.write(`${output}\n`);
});
