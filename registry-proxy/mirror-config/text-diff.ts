/** The lines that differ between two texts, each with a mark before it, and a few around them. */
export function textDiff(before: string, after: string): string[] {
  const [a, b] = [before, after].map((text) => text.split("\n"));
  let first = 0;
  while (first < a!.length && first < b!.length && a![first] === b![first]) first += 1;
  let last = 0;
  while (
    last < a!.length - first &&
    last < b!.length - first &&
    a![a!.length - 1 - last] === b![b!.length - 1 - last]
  ) {
    last += 1;
  }
  const around = 2;
  return [
    ...a!.slice(Math.max(0, first - around), first).map((line) => ` ${line}`),
    ...a!.slice(first, a!.length - last).map((line) => `-${line}`),
    ...b!.slice(first, b!.length - last).map((line) => `+${line}`),
    ...a!.slice(a!.length - last, a!.length - last + around).map((line) => ` ${line}`),
  ];
}
