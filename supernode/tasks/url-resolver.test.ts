import { expect, it } from "vitest";

import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import { systemClock } from "../../platform/clock.ts";
import { UrlResolver } from "./url-resolver.ts";

const ORIGIN = { url: "http://origin.example/file", headers: new Map<string, string>() };
const IDENTITY = { filteredQueryParameters: [], tag: "" };

it("a probe that its only caller has left is not joined by the next", async () => {
  const asked: ReturnType<typeof Promise.withResolvers<never>>[] = [];
  const fetch: OriginFetch = async () => {
    const answer = Promise.withResolvers<never>();
    asked.push(answer);
    return await answer.promise;
  };
  const resolver = new UrlResolver(
    {
      fetch,
      clock: systemClock,
      random: () => 0,
      onProbe: () => undefined,
      canRead: () => true,
    },
    [],
  );
  const options = { isGetOnly: false, isContentWanted: false };
  const leaving = new AbortController();
  const left = resolver.resolve(ORIGIN, IDENTITY, options, leaving.signal);
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  const stays = resolver.resolve(ORIGIN, IDENTITY, options, new AbortController().signal);
  asked[0]!.reject(new Error("nobody waits"));
  asked[1]?.reject(new Error("the second answer"));
  await expect(stays).rejects.toThrow("the second answer");
});
