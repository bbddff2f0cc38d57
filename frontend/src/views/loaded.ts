import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/client";

/** What a view has loaded, and what is wrong with the newest try. */
export interface Loaded<T> {
  data: T | null;
  /** Why the newest try failed; the data of before stays. */
  problem: Problem | null;
  /** When the data came, ms. */
  at: number | null;
  reload: () => Promise<void>;
  /** Show this, which somebody else has answered. */
  put: (data: T) => void;
}

interface State<T> {
  data: T | null;
  problem: Problem | null;
  at: number | null;
}

/** Load when mounted and whenever `load` is another function. Of several answers only that to the newest counts. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<State<T>>({ data: null, problem: null, at: null });
  const newest = useRef(0);
  const put = useCallback((data: T) => {
    newest.current++;
    setState({ data, problem: null, at: Date.now() });
  }, []);
  const reload = useCallback(async () => {
    const mine = ++newest.current;
    try {
      const data = await load();
      if (mine === newest.current) put(data);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (mine === newest.current) setState((before) => ({ ...before, problem: error }));
    }
  }, [load, put]);
  useEffect(() => {
    void reload();
    return () => {
      newest.current++;
    };
  }, [reload]);
  return { ...state, reload, put };
}

/** Where the next page of a list begins, null at its end. */
export function cursorOf(page: { next?: string | null }): string | null {
  return page.next ? new URL(page.next).searchParams.get("cursor") : null;
}
