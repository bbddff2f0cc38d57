import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { api, call } from "../api/client";
import type { Project, Severity as SeverityValue } from "../api/types";
import { t } from "../i18n";
import { routeOfKey, routes } from "../routes";
import { thresholds } from "../thresholds";
import { Dialog } from "./dialog";
import { Severity } from "./severity";
import "./find.css";

interface Hit {
  href: string;
  key: string;
  title: string;
  severity: SeverityValue;
}

/** Finds incidents and changes by their words or number; the keyboard alone is enough. */
export default function Find({ project, onClose }: { project: Project; onClose: () => void }) {
  const [words, setWords] = useState("");
  const [hits, setHits] = useState<Hit[]>([]);
  const [at, setAt] = useState(0);
  const [answered, setAnswered] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const [, navigate] = useLocation();
  const wanted = words.trim();

  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    if (!wanted) {
      setHits([]);
      setAnswered("");
      return;
    }
    const stop = new AbortController();
    const timer = setTimeout(() => {
      search(project, wanted, stop.signal).then(
        (found) => {
          setHits(found);
          setAt(0);
          setAnswered(wanted);
        },
        () => {
          if (!stop.signal.aborted) setHits([]);
        },
      );
    }, thresholds.page.TYPING_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [wanted, project]);

  const all = `${routes.incidents(project.code)}?search=${encodeURIComponent(wanted)}`;
  const options: { href: string; hit?: Hit }[] = wanted
    ? [...hits.map((hit) => ({ href: hit.href, hit })), { href: all }]
    : [];

  function go(href: string) {
    onClose();
    navigate(href);
  }

  function onKey(event: KeyboardEvent) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (options.length) setAt((at + step + options.length) % options.length);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      // Typed faster than the answer came: a number leads there all the same, words to the whole list.
      const isAnswered = answered === wanted;
      const chosen = isAnswered ? options[at]?.href : (routeOfKey(project.code, wanted) ?? options.at(-1)?.href);
      if (chosen) go(chosen);
    }
  }

  return (
    <Dialog title={t("find.title")} onClose={onClose}>
      <div class="find-box" onKeyDown={onKey}>
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label={t("find.label")}
          aria-expanded={options.length > 0}
          aria-controls="find-results"
          aria-activedescendant={options.length ? `find-${at}` : undefined}
          inputMode="search"
          autocomplete="off"
          spellcheck={false}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <p class="muted small" role="status">
          {!wanted ? t("find.hint") : answered === wanted && !hits.length ? t("find.none", { words: wanted }) : ""}
        </p>
        <ul id="find-results" role="listbox" aria-label={t("find.results")} aria-busy={answered !== wanted}>
          {options.map((option, index) => (
            <li
              key={option.href}
              id={`find-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseMove={() => setAt(index)}
              onClick={() => go(option.href)}
            >
              {option.hit ? (
                <>
                  <Severity value={option.hit.severity} />
                  <span class="find-key">{option.hit.key}</span>
                  <span class="find-title">{option.hit.title}</span>
                </>
              ) : (
                <span class="muted">{t("find.all", { words: wanted })}</span>
              )}
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}

async function search(project: Project, words: string, signal: AbortSignal): Promise<Hit[]> {
  const path = { project: project.id };
  const query = { search: words, page_size: thresholds.page.FOUND_ROWS };
  const [incidents, changes] = await Promise.all([
    call(
      api.GET("/api/v1/projects/{project}/hypercare/incidents", {
        params: { path, query },
        signal,
      }),
    ),
    call(
      api.GET("/api/v1/projects/{project}/hypercare/change-requests", {
        params: { path, query },
        signal,
      }),
    ),
  ]);
  return [
    ...incidents.results.map((row) => ({
      href: routes.incident(project.code, row.number),
      key: row.key,
      title: row.title,
      severity: row.severity,
    })),
    ...changes.results.map((row) => ({
      href: routes.change(project.code, row.number),
      key: row.cr_number,
      title: row.title,
      severity: row.priority,
    })),
  ];
}
