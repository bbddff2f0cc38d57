/** Parts of time, each in ms or, as it says, in seconds. */

export const SECOND_MS = 1000; // not tunable: a unit
export const MINUTE_SECONDS = 60; // not tunable: a unit
export const HOUR_SECONDS = 60 * MINUTE_SECONDS;
export const DAY_SECONDS = 24 * HOUR_SECONDS;
export const DAY_MS = DAY_SECONDS * SECOND_MS;
