import { FLEET_PROFILES } from "./profiles.ts";

const WIDTH = 92;

/** The profiles as `--help` shows them, after the options. */
export function profilesText(): string {
  const paragraphs = FLEET_PROFILES.map(
    ({ name, title, situation }) =>
      `  ${name}: ${title}\n${wrapped(situation)
        .map((line) => `      ${line}`)
        .join("\n")}`,
  );
  return `profiles (--profile NAME, or all):\n\n${paragraphs.join("\n\n")}\n`;
}

function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
