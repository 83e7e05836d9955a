/** Memory that holds one content and nothing else, and was not given back yet. */
const own = new WeakSet<ArrayBufferLike>();

/** Takes memory for one content, which {@link giveBack} may give back. What is in it is of no meaning. */
export function takeMemory(lengthBytes: number): Buffer<ArrayBuffer> {
  const memory = Buffer.allocUnsafeSlow(lengthBytes);
  own.add(memory.buffer);
  return memory;
}

/**
 * Gives the memory of a content back that nobody reads any more, neither a file nor a connection that it is being written to; what pointed into it is
 * empty then. V8 would find out by a collection of all garbage, which it begins for every few dozen megabytes that it takes for
 * used, and which costs more than all that is done with so many bytes. Does nothing where other things may be in the same memory.
 */
export function giveBack({ buffer }: Uint8Array): void {
  if (own.delete(buffer)) (buffer as ArrayBuffer).transfer(0);
}
