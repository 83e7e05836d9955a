import { EXIT, UserError } from "../../../platform/user-error.ts";

const PORT = 8002;

/**
 * Reads a list of supernodes of Dragonfly 1, "10.0.0.1:8002=2,other=4": the heaviest first, in their order where they
 * weigh the same. Throws UserError (usage).
 */
export function parseV1Nodes(text: string): string[] {
  const nodes = text.split(",").map(parseNode);
  return nodes.sort((a, b) => b.weight - a.weight).map(({ url }) => url);
}

/** The weights of a list, divided by what they have in common: 2 and 4 are 1 and 2. */
export function reducedV1Weights(text: string): number[] {
  const weights = text.split(",").map((part) => parseNode(part).weight);
  const common = weights.reduce(greatestDivisor);
  return weights.map((weight) => weight / common);
}

function parseNode(text: string): { readonly url: string; readonly weight: number } {
  const match =
    /^(?:http:\/\/)?(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:=(\d{1,6}))?$/i.exec(
      text.trim(),
    );
  const port = Number(match?.[2] ?? PORT);
  const weight = Number(match?.[3] ?? 1);
  if (!match || port < 1 || port > 65_535 || weight < 1) {
    throw new UserError(
      EXIT.usage,
      `--node must be a list such as 10.0.0.1:8002=2,10.0.0.2=1, not ${JSON.stringify(text)}`,
    );
  }
  return { url: `http://${match[1]}:${port}`, weight };
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
