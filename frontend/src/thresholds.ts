/**
 * The numbers by which the app goes: how long it waits, how much it shows. They stand in the server's project/thresholds,
 * with their units and what they decide; the page's document carries those that hold. Each has the name there that it
 * has here.
 */

const NAMES = {
  page: [
    "TOAST_SECONDS",
    "TOASTS",
    "TYPING_MS",
    "GATHER_MS",
    "RETRY_SECONDS",
    "MOST_RETRY_SECONDS",
    "SILENT_BEATS",
    "CLOCK_MESSAGES",
    "INCIDENT_SECONDS",
    "MISSED_MS",
    "PROJECTS",
    "FOUND_ROWS",
    "PANEL_ROWS",
    "FINISHED_ROWS",
    "RECENT_DAYS",
  ],
  api: ["PAGE_ROWS", "MOST_PAGE_ROWS"],
  stream: ["BEAT_SECONDS"],
} as const;

type Names = typeof NAMES;
export type Thresholds = {
  readonly [Group in keyof Names]: { readonly [Name in Names[Group][number]]: number };
};

/** Read what the document carries. Raises Error, which names what is missing: no wait may be none by mistake. */
export function read(text: string): Thresholds {
  const given = parsed(text);
  const missing = Object.entries(NAMES).flatMap(([group, names]) =>
    names.filter((name) => !isNumber(given[group]?.[name])).map((name) => `${group}.${name}`),
  );
  if (missing.length) throw new Error(`The page's document does not say its thresholds: ${missing.join(", ")}`);
  return given as unknown as Thresholds;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && value > 0;
}

function parsed(text: string): Record<string, Record<string, unknown>> {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function ofDocument(): Thresholds {
  try {
    return read(document.getElementById("thresholds")?.textContent ?? "");
  } catch (error) {
    // Nothing of the app runs without them: say at least that.
    const app = document.getElementById("app");
    if (app) app.textContent = app.dataset.broken ?? "";
    throw error;
  }
}

export const thresholds = ofDocument();
