import type { Repository } from "../upstream/repository.ts";

/**
 * The Link header of a paged list (RFC 8288), so that the next page is asked from us under the client's name
 * for the repository. A link to somewhere else stays as it is.
 */
export function rewriteLink(link: string, { upstream, name, clientName }: Repository): string {
  return link.replace(/<([^<>]*)>/, (whole, target: string) => {
    const url = URL.parse(target, `${upstream.baseUrl}/v2/${name}/`);
    const prefix = `/v2/${name}/`;
    if (!url || url.origin !== upstream.baseUrl || !url.pathname.startsWith(prefix)) return whole;
    // Requests that name no registry in their path name it by this parameter.
    if (clientName === name) url.searchParams.set("ns", upstream.registry);
    return `</v2/${clientName}/${url.pathname.slice(prefix.length)}${url.search}>`;
  });
}
