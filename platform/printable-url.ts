/** A URL as it may be logged and shown: without user, password, query and fragment. */
export function printableUrl(url: string | URL): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "an invalid URL";
  }
}
