import type { BodyInit as Body, HeadersInit as Headers } from "undici";

// The types of aws4fetch name what a browser has as globals.
declare global {
  type HeadersInit = Headers;
  type BodyInit = Body;
}
