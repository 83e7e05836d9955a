/*
 * What `dfget URL` begins with, in one module: each that is loaded on its own, however short, takes a millisecond before the
 * first byte is asked for.
 */

export { runProgram } from "../../platform/lifecycle.ts";
export { runDownload } from "./download.ts";
export { endOnHangup } from "./hangup-signal.ts";
