/** The same object, but what its methods take is noted, in milliseconds. */
export function timed<T extends object>(target: T, note: (ms: number) => void): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const startMs = performance.now();
        try {
          return Reflect.apply(value, object, args);
        } finally {
          note(performance.now() - startMs);
        }
      };
    },
  });
}
