import { computed, signal } from "@preact/signals";
import type { Problem } from "../api/client";
import type { Me, Project } from "../api/types";

/** Who is here, what they see, and which project the address names. */

export const me = signal<Me | null>(null);
export const projects = signal<Project[]>([]);
/** The code in the address: `/p/<CODE>/…`, "" elsewhere. */
export const code = signal("");
export const project = computed<Project | null>(
  () => projects.value.find((each) => each.code.toLowerCase() === code.value.toLowerCase()) ?? null,
);
/** Agents and above: those who work the incidents. */
export const isOurs = computed(() => me.value !== null && me.value.role !== "customer");

/** How far the beginning is: nobody signed in ("out"), somebody who may not come in ("refused"), no answer ("failed"). */
export type Start = { step: "starting" | "out" | "in" } | { step: "refused" | "failed"; problem: Problem };
export const start = signal<Start>({ step: "starting" });
