const TOKEN_LENGTH_MAX = 32 * 1024;

/**
 * When a Bearer token that is a JSON Web Token ends, by what stands in it, milliseconds since 1970; undefined for every other
 * credential. The signature is not looked at: the registry does that.
 */
export function tokenEndMs(authorization: string): number | undefined {
  if (authorization.length > TOKEN_LENGTH_MAX) return undefined;
  const match = /^bearer\s+[\w-]+\.([\w-]+)\.[\w-]*$/i.exec(authorization);
  if (!match) return undefined;
  try {
    const claims = JSON.parse(Buffer.from(match[1]!, "base64url").toString()) as { exp?: unknown };
    const { exp } = claims;
    return typeof exp === "number" && Number.isFinite(exp) ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
