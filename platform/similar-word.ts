/**
 * The one of `words` that somebody probably meant who wrote `word`; undefined where none is near. Two
 * slips of the pen are forgiven in a long word, one in a short one; a beginning counts as a near miss.
 */
export function similarWord(word: string, words: readonly string[]): string | undefined {
  const allowed = word.length >= 6 ? 2 : 1;
  let best: { word: string; slips: number } | undefined;
  for (const candidate of words) {
    const slips = slipsBetween(word, candidate);
    if (slips <= allowed && (!best || slips < best.slips)) best = { word: candidate, slips };
  }
  const beginning = words.filter((candidate) => word.length >= 3 && candidate.startsWith(word));
  return best?.word ?? (beginning.length === 1 ? beginning[0] : undefined);
}

/** How many letters have to be put in, taken out, changed or swapped with the next. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let slips = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) slips = Math.min(slips, before[j - 2]! + 1);
      row.push(slips);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
