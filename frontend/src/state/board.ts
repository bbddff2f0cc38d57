import { signal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";
import { api, call, Problem } from "../api/client";
import type { Board } from "../api/board";
import { correct } from "../live/clock";
import { useLive } from "../live/stream";
import { beforeAgain } from "../live/waits";

/** The war room of the project in the address: loaded by the frame, kept up to date, read by whoever shows some of it. */

export const board = signal<Board | null>(null);
/** Why the newest try to load it failed. The board of before stays. */
export const boardProblem = signal<Problem | null>(null);

let running: Promise<void> | null = null;
let isWantedAgain = false;
let wanted = "";
let failures = 0;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Load the board anew; during a load, once more after it. A failure is tried again by itself. */
export function loadBoard(project = wanted): Promise<void> {
  if (project !== wanted) {
    wanted = project;
    board.value = null;
    boardProblem.value = null;
    failures = 0;
    running = null;
  }
  clearTimeout(retry);
  if (running) {
    isWantedAgain = true;
    return running;
  }
  const mine = fetchBoard(project).finally(() => {
    if (running !== mine) return;
    running = null;
    if (isWantedAgain) {
      isWantedAgain = false;
      void loadBoard();
    }
  });
  running = mine;
  return mine;
}

/** Keep the board of a project loaded while mounted. */
export function useBoard(project: string | undefined): void {
  useEffect(() => {
    if (project) void loadBoard(project);
  }, [project]);
  useLive(
    project,
    useCallback(() => void loadBoard(), []),
  );
}

async function fetchBoard(project: string): Promise<void> {
  try {
    const answer = await call(
      api.GET("/api/v1/projects/{project}/hypercare/war-room", { params: { path: { project } } }),
    );
    if (project !== wanted) return;
    board.value = answer;
    boardProblem.value = null;
    failures = 0;
    correct(board.value.at);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (project !== wanted) return;
    boardProblem.value = error;
    // What is not there or not allowed will not be in a moment; anything else may.
    if (error.status !== 403 && error.status !== 404) {
      retry = setTimeout(() => void loadBoard(), beforeAgain(failures++));
    }
  }
}
