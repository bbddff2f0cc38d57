import "./avatar.css";

/** The first letters of the first and the last word of a name, as its language writes capitals. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0]!, words[words.length - 1]!] : words;
  const lang = document.documentElement.lang || "en";
  return ends.map((word) => [...word][0]!.toLocaleUpperCase(lang)).join("");
}

/** A person's initials; without a name a dashed circle. The name itself stands beside it, so it is not read out. */
export function Avatar({ name, size }: { name: string | null | undefined; size?: "large" }) {
  const kind = `av${size ? ` av-${size}` : ""}`;
  return name ? (
    <span class={kind} aria-hidden="true" title={name}>
      {initials(name)}
    </span>
  ) : (
    <span class={`${kind} none`} aria-hidden="true">
      –
    </span>
  );
}
