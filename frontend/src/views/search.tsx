import { useEffect, useRef, useState } from "preact/hooks";
import { LONGEST_SEARCH } from "../api/lengths";
import { useKey } from "../keys";
import { thresholds } from "../thresholds";

interface Shown {
  label: string;
  hint: string;
  value: string;
  onSearch: (wanted: string) => void;
}

/** Finds in the list below it while one types; `f` leads to it, Escape empties it. */
export function SearchBox({ label, hint, value, onSearch }: Shown) {
  const [typed, setTyped] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  const search = useRef(onSearch);
  search.current = onSearch;
  useKey("f", label, () => field.current?.focus());
  useEffect(() => {
    if (document.activeElement !== field.current) setTyped(value);
  }, [value]);
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => search.current(typed.trim()), thresholds.page.TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <div class="list-search" role="search">
      <input
        ref={field}
        type="search"
        aria-label={label}
        aria-keyshortcuts="f"
        placeholder={hint}
        maxLength={LONGEST_SEARCH}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <kbd aria-hidden="true">f</kbd>
    </div>
  );
}
