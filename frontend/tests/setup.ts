import { vi } from "vitest";
import { NUMBERS } from "./numbers";

/** A document that says its thresholds, and no more. */
vi.stubGlobal("document", {
  documentElement: { lang: "" },
  addEventListener() {},
  getElementById: (id: string) => (id === "thresholds" ? { textContent: JSON.stringify(NUMBERS) } : null),
});
