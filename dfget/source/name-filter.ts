/**
 * Whether a path is wanted: it matches one of `include`, where there are any, and none of `exclude`. In a pattern `*`
 * stands for anything but "/", `**` for anything, `?` for one character; one without "/" is about the last part alone.
 */
export function nameFilter(
  include: readonly string[],
  exclude: readonly string[],
): (path: string) => boolean {
  const wanted = include.map(matcher);
  const unwanted = exclude.map(matcher);
  return (path) =>
    (wanted.length === 0 || wanted.some((matches) => matches(path))) &&
    !unwanted.some((matches) => matches(path));
}

function matcher(pattern: string): (path: string) => boolean {
  const source = [...pattern.matchAll(/\*\*\/?|\*|\?|[^*?]+/g)]
    .map(([part]) => {
      if (part === "**/") return "(?:.*/)?";
      if (part === "**") return ".*";
      if (part === "*") return "[^/]*";
      return part === "?" ? "[^/]" : part.replaceAll(/[.\\+^${}()|[\]]/g, String.raw`\$&`);
    })
    .join("");
  const whole = new RegExp(`^${source}$`, "su");
  return pattern.includes("/")
    ? (path) => whole.test(path)
    : (path) => whole.test(path.slice(path.lastIndexOf("/") + 1));
}
