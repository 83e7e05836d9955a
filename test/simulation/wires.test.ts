import { describe, expect, it } from "vitest";
import { EventQueue } from "./event-queue.ts";
import { FlowNetwork } from "./flow-network.ts";
import { Processor } from "./processor.ts";
import { Wires, type Station } from "./wires.ts";

describe("the wires", () => {
  it("take the delay alone where nothing queues", () => {
    const { arrivals, carry, events, from, network, to } = setUp(0);
    network.start([from.up, to.down], 1000, () => {});
    carry();
    while (events.step());
    expect(arrivals).toEqual([2]);
  });

  it("let a message wait behind data at both ends, the longer the fuller the links are", () => {
    const idle = setUp(10);
    idle.carry();
    while (idle.events.step());
    expect(idle.arrivals).toEqual([2]);
    const { arrivals, carry, events, from, network, to } = setUp(10);
    network.start([from.up, to.down], 1000, () => {});
    carry();
    while (events.step());
    // The sender's link is full, the receiver's, twice as wide, half full.
    expect(arrivals[0]).toBeCloseTo(2 + 10 + 5);
  });

  it("let no message overtake another between the same hosts", () => {
    const { arrivals, carry, events, from, network, to } = setUp(100);
    network.start([from.up, to.down], 10, () => {});
    carry();
    events.at(5, carry);
    while (events.step());
    expect(arrivals[0]).toBeGreaterThan(100);
    expect(arrivals[1]).toBe(arrivals[0]);
  });
});

describe("a processor", () => {
  it("works on one piece after the other", () => {
    const processor = new Processor();
    expect(processor.occupy(10, 5)).toBe(15);
    expect(processor.occupy(11, 5)).toBe(20);
    expect(processor.occupy(30, 5)).toBe(35);
  });
});

interface SetUp {
  readonly events: EventQueue;
  readonly network: FlowNetwork;
  readonly from: Station;
  readonly to: Station;
  readonly arrivals: number[];
  readonly carry: () => void;
}

/** A link of 10 bytes per millisecond towards one of 20, 2 ms apart. */
function setUp(queueMs: number): SetUp {
  const events = new EventQueue();
  const network = new FlowNetwork(events);
  const station = (host: number, rate: number): Station => ({
    host,
    up: network.cable(rate),
    down: network.cable(rate),
  });
  const from = station(0, 10);
  const to = station(1, 20);
  const wires = new Wires(events, network, queueMs);
  const arrivals: number[] = [];
  const carry = (): void => wires.carry(from, to, 2, () => arrivals.push(events.nowMs));
  return { events, network, from, to, arrivals, carry };
}
