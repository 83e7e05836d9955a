/** A promise of the modules was broken, or a peer that is alive did not finish. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
}
