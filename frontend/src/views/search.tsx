import { useEffect, useRef, useState } from "preact/hooks";
import { useKey } from "../keys";

interface Shown {
  label: string;
  hint: string;
  value: string;
  onSearch: (wanted: string) => void;
}

/** How long somebody pauses before what they typed is searched, ms. */
const PAUSE = 250;
const LONGEST = 100;

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
    const timer = setTimeout(() => search.current(typed.trim()), PAUSE);
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
        maxLength={LONGEST}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <kbd aria-hidden="true">f</kbd>
    </div>
  );
}
