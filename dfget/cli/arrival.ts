import type { Reporter } from "./reporter.ts";

/** A reporter that knows whether something has arrived that the same command could go on with. */
export interface ArrivalReporter extends Reporter {
  readonly hasArrived: boolean;
}

/** Watches what is reported. What an origin names no version of is begun anew each time, without the daemon. */
export function watchArrival(reporter: Reporter): ArrivalReporter {
  let hasArrived = false;
  return {
    ...reporter,
    get hasArrived() {
      return hasArrived;
    },
    file(file) {
      const reported = reporter.file(file);
      let isKept = true;
      return {
        ...reported,
        opened(task) {
          isKept = !task.taskId.startsWith("direct:reading");
          reported.opened(task);
        },
        progress(progress) {
          const { writtenBytes, heldBytes = 0 } = progress;
          hasArrived ||= isKept && (writtenBytes > 0 || heldBytes > 0);
          reported.progress(progress);
        },
      };
    },
  };
}
