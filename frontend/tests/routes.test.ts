import { describe, expect, it } from "vitest";
import { routeOfKey, safeNext } from "../src/routes";

describe("next", () => {
  it.each(["/p/ATLAS", "/p/ATLAS/incidents?search=a%2Fb#top", "/"])("goes to %s", (path) => {
    expect(safeNext(path)).toBe(path);
  });

  it.each([null, "", "p/ATLAS", "//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/a\\b", "/\n/evil.example", "/\t/evil.example"])(
    "stays at home instead of %j",
    (path) => {
      expect(safeNext(path)).toBe("/");
    },
  );
});

describe("keys", () => {
  it.each([
    ["INC-5", "/p/ATLAS/incidents/5"],
    ["inc12", "/p/ATLAS/incidents/12"],
    ["CR-001", "/p/ATLAS/changes/1"],
  ])("%s leads to %s", (key, path) => {
    expect(routeOfKey("ATLAS", key)).toBe(path);
  });

  it.each(["INC-0", "INC", "12", "PORT-1", "INC-5 blocked"])("%s leads nowhere", (key) => {
    expect(routeOfKey("ATLAS", key)).toBe(null);
  });
});
