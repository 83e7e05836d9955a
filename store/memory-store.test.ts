import { pieceStoreConformance } from "../test/conformance/piece-store.ts";
import { openMemoryStore } from "./memory-store.ts";

pieceStoreConformance("the memory store", async (options) => openMemoryStore(options));
