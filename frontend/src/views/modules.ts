import { board } from "../state/board";

/** The modules that the project's incidents name, in order: suggestions. */
export function modulesOf(): string[] {
  const shown = board.value;
  const named = [
    ...(shown?.incidents.map((each) => each.affected_module) ?? []),
    ...(shown?.trends?.modules.map((each) => each.module) ?? []),
  ];
  return [...new Set(named.filter(Boolean))].toSorted();
}
