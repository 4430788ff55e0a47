// Results of the keys asked for latest.
import { expect, it } from "vitest";
import { Latest } from "../../hub-server/latest.ts";

it("makes each once, lets the one asked for longest ago go, and keeps no failure", async () => {
  const latest = new Latest<string>(2);
  const made: string[] = [];
  const get = (key: string) =>
    latest.get(key, async () => {
      made.push(key);
      if (key === "bad") throw new Error("bad");
      return `${key}!`;
    });
  expect(await Promise.all(["a", "b", "a", "c", "a"].map(get))).toEqual(["a!", "b!", "a!", "c!", "a!"]);
  expect(made).toEqual(["a", "b", "c"]);
  await get("b");
  expect(made).toEqual(["a", "b", "c", "b"]);
  await expect(get("bad")).rejects.toThrow("bad");
  await expect(get("bad")).rejects.toThrow("bad");
  expect(made.filter((key) => key === "bad")).toHaveLength(2);
});
