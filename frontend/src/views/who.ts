import { useRef } from "preact/hooks";
import type { Me } from "../api/types";
import { me } from "../state/me";

/** Who is here; while a session that has ended is taken up again, who was: what they typed stays where it is. */
export function useWho(): Me | null {
  const known = useRef<Me | null>(null);
  known.current = me.value ?? known.current;
  return known.current;
}
