import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { Problem } from "../../api/client";
import { type Change as Happened, useLive } from "../../live/stream";
import { board } from "../../state/board";
import { isOurs } from "../../state/me";
import { thresholds } from "../../thresholds";
import { SECOND_MS } from "../../units";
import {
  type Clocks,
  type Event,
  type Member,
  type Place,
  type Read,
  findIncident,
  readClocks,
  readIncident,
  readMembers,
  readTimeline,
} from "./api";

/** All that the page of an incident shows. `events` and `clocks` may have failed on their own. */
export interface Loaded extends Read {
  at: Place;
  events: Event[];
  clocks: Clocks;
  members: Member[];
}

export interface Incidents {
  loaded: Loaded | null;
  /** Why the last try failed; what was loaded before stays. */
  problem: Error | null;
  /** When what is shown was read, ms; null before. */
  since: number | null;
  isMissing: boolean;
  reload: () => Promise<void>;
  /** Take over what a change of one's own answered, and load the rest anew. */
  changed: (read: Read) => void;
}

/** The incident of a project with this number, kept up to date while it is shown. */
export function useIncident(project: string, number: number): Incidents {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const [since, setSince] = useState<number | null>(null);
  const [isMissing, setMissing] = useState(false);
  const wanted = useRef("");
  const known = useRef<Loaded | null>(null);
  const round = useRef(0);

  const reload = useCallback(async () => {
    const mine = ++round.current;
    const isCurrent = () => mine === round.current && wanted.current === `${project}/${number}`;
    try {
      const found = known.current?.at.incident ?? idOnBoard(project, number) ?? (await findIncident(project, String(number)));
      if (found === null) {
        if (isCurrent()) setMissing(true);
        return;
      }
      const at = { project, incident: found };
      const [read, events, clocks, members] = await Promise.all([
        readIncident(at),
        readTimeline(at),
        readClocks(at),
        known.current?.members ?? (isOurs.peek() ? readMembers(project) : []),
      ]);
      if (!isCurrent()) return;
      known.current = { at, ...read, events, clocks, members };
      setLoaded(known.current);
      setProblem(null);
      setSince(Date.now());
    } catch (error) {
      if (!isCurrent()) return;
      if (error instanceof Problem && error.status === 404) setMissing(true);
      else setProblem(error as Error);
    }
  }, [project, number]);

  useEffect(() => {
    wanted.current = `${project}/${number}`;
    known.current = null;
    setLoaded(null);
    setProblem(null);
    setMissing(false);
    void reload();
  }, [project, number]);

  const isMine = useCallback((change: Happened) => change.kind === "incident" && change.id === known.current?.at.incident, []);
  useLive(
    project,
    useCallback(() => void reload(), [reload]),
    isMine,
  );

  useEffect(() => {
    // Hours begin and end without anybody doing anything.
    const timer = setInterval(() => void reload(), thresholds.page.INCIDENT_SECONDS * SECOND_MS);
    return () => clearInterval(timer);
  }, [reload]);

  const changed = useCallback(
    (read: Read) => {
      if (known.current) {
        known.current = { ...known.current, ...read };
        setLoaded(known.current);
      }
      void reload();
    },
    [reload],
  );

  return { loaded, problem, since, isMissing, reload, changed };
}

/** The id of an open incident, without asking anybody. */
function idOnBoard(project: string, number: number): string | null {
  const shown = board.peek();
  if (shown?.project.id !== project) return null;
  return shown.incidents.find((each) => each.number === number)?.id ?? null;
}
