import type { Thresholds } from "../src/thresholds";

/** The thresholds by which the tests go. */
export const NUMBERS: Thresholds = {
  page: {
    TOAST_SECONDS: 6,
    TOASTS: 3,
    TYPING_MS: 250,
    GATHER_MS: 400,
    RETRY_SECONDS: 1,
    MOST_RETRY_SECONDS: 15,
    SILENT_BEATS: 2.5,
    CLOCK_MESSAGES: 10,
    INCIDENT_SECONDS: 300,
    MISSED_MS: 1500,
    PROJECTS: 2000,
    FOUND_ROWS: 5,
    PANEL_ROWS: 5,
    FINISHED_ROWS: 10,
    RECENT_DAYS: 7,
  },
  api: { PAGE_ROWS: 50, MOST_PAGE_ROWS: 200 },
  stream: { BEAT_SECONDS: 5 },
};
