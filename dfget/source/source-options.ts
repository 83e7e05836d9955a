/** What the user said about looking for files. */
export interface SourceOptions {
  /** Whether a URL stands for what is below it. */
  readonly isRecursive: boolean;
  readonly maxDepth: number;
  readonly s3Endpoint: string | undefined;
  readonly s3Region: string;
  readonly hfEndpoint: string;
  /** "linux/amd64", for an image that has several. */
  readonly platform: string;
}
