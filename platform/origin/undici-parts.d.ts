/*
 * The parts of undici that are used, by the files they are in: all of it, with `fetch`, WebSockets and caches, takes 32 ms of CPU more
 * to load, which is a twentieth of a command that fetches 2,000 files.
 */
declare module "undici/lib/dispatcher/agent.js" {
  export { Agent as default } from "undici";
}
declare module "undici/lib/dispatcher/pool.js" {
  export { Pool as default } from "undici";
}
declare module "undici/lib/dispatcher/proxy-agent.js" {
  export { ProxyAgent as default } from "undici";
}
declare module "undici/lib/core/connect.js" {
  export { buildConnector as default } from "undici";
}
declare module "undici/lib/core/errors.js" {
  import { errors } from "undici";
  export default errors;
}
