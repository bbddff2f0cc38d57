import { signal } from "@preact/signals";

/** What somebody set in this browser. Where nothing may be kept, it holds for the page. */

export type Theme = "auto" | "light" | "dark";

const THEME = "hypercare.theme";

export const theme = signal<Theme>(read(THEME, ["auto", "light", "dark"]) ?? "auto");

export function chooseTheme(wanted: Theme): void {
  theme.value = wanted;
  keep(THEME, wanted);
  showTheme();
}

/** Let the page follow the theme that was chosen. */
export function showTheme(): void {
  const root = document.documentElement;
  if (theme.value === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
}

function read<T extends string>(name: string, allowed: readonly T[]): T | null {
  try {
    return allowed.find((each) => each === localStorage.getItem(name)) ?? null;
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then it holds for this page only.
  }
}
