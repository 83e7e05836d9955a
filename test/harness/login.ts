/** A user of a registry. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** The Basic header of a login. */
export function basicHeader({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
