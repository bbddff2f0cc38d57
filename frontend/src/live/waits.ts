import { thresholds } from "../thresholds";
import { SECOND_MS } from "../units";

const { page } = thresholds;

/** How long to wait before what failed is tried again, ms: longer after each of `failures`. */
export function beforeAgain(failures: number): number {
  return apart(Math.min(page.MOST_RETRY_SECONDS, page.RETRY_SECONDS * 2 ** failures) * SECOND_MS);
}

/** Between half of `wait` and all of it: what ails many browsers at once must not have them all ask at once. */
export function apart(wait: number): number {
  return (wait * (1 + Math.random())) / 2;
}
