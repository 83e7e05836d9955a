import { EXIT, UserError } from "../../platform/user-error.ts";
import { parseDigest } from "../../protocol/digest.ts";

/** What of a manifest is needed to fetch what it names. */
export interface OciManifest {
  readonly kind: "manifest";
  readonly mediaType: string | undefined;
  /** The digests of the configuration and the layers. */
  readonly blobs: readonly string[];
}

/** A list of manifests for several platforms. */
export interface OciIndex {
  readonly kind: "index";
  readonly manifests: readonly { readonly digest: string; readonly platform: string | undefined }[];
}

interface Descriptor {
  readonly digest?: unknown;
  readonly platform?: {
    readonly os?: unknown;
    readonly architecture?: unknown;
    readonly variant?: unknown;
  };
}

/** Reads a manifest or an index. Returns undefined for anything else. */
export function manifestOf(text: string): OciManifest | OciIndex | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { manifests, layers, config, blobs, mediaType } = value;
  if (Array.isArray(manifests)) {
    const all = manifests.flatMap((each: Descriptor | null) => {
      const digest = digestOf(each);
      return digest === undefined ? [] : [{ digest, platform: platformText(each!) }];
    });
    return { kind: "index", manifests: all };
  }
  const named = [
    config,
    ...(Array.isArray(layers) ? layers : []),
    ...(Array.isArray(blobs) ? blobs : []),
  ];
  const digests = named.map((each) => digestOf(each as Descriptor | null | undefined));
  if (!Array.isArray(layers) && !Array.isArray(blobs)) return undefined;
  return {
    kind: "manifest",
    mediaType: typeof mediaType === "string" ? mediaType : undefined,
    blobs: digests.filter((digest) => digest !== undefined),
  };
}

/** The digest of the manifest for a platform. Throws UserError (not found) that names what there is. */
export function platformOf({ manifests }: OciIndex, platform: string): string {
  const [first, ...others] = manifests;
  const chosen =
    first && others.length === 0
      ? first
      : (manifests.find((each) => each.platform === platform) ??
        manifests.find((each) => each.platform?.startsWith(`${platform}/`) === true));
  if (chosen) return chosen.digest;
  const names = manifests.map((each) => each.platform ?? "none").join(", ");
  throw new UserError(
    EXIT.notFound,
    `there is nothing for ${platform}, but for ${names}; choose by --platform`,
  );
}

function digestOf(descriptor: Descriptor | null | undefined): string | undefined {
  const { digest } = descriptor ?? {};
  return typeof digest === "string" ? parseDigest(digest) : undefined;
}

function platformText({ platform }: Descriptor): string | undefined {
  const { os, architecture, variant } = platform ?? {};
  if (typeof os !== "string" || typeof architecture !== "string") return undefined;
  return [os, architecture, ...(typeof variant === "string" ? [variant] : [])].join("/");
}
