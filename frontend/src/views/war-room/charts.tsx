import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Board, TrendDay } from "../../api/board";
import { fmt, language, plural, t } from "../../i18n";
import { theme } from "../../state/settings";
import { thresholds } from "../../thresholds";
import { DAY_SECONDS as DAY } from "../../units";

type Trends = NonNullable<Board["trends"]>;

const HEIGHT = 132; // not tunable: drawing

/** What came in and went out, what was left, and where it is; each as a table too. */
export default function Charts({ trends, openCount }: { trends: Trends; openCount: number }) {
  const { days, modules } = trends;
  const came = days.reduce((sum, day) => sum + day.inflow, 0);
  const went = days.reduce((sum, day) => sum + day.outflow, 0);
  return (
    <section class="charts" aria-label={t("charts.label")}>
      <figure class="card chart">
        <h2>{t("charts.flow")}</h2>
        {days.length ? <Plot days={days} draw={flow} label={t("charts.flow.alt", { came, went })} /> : <None />}
        <figcaption class="chart-key">
          <span>
            <i class="key-in" />
            {t("charts.in", { n: fmt.number(came) })}
          </span>
          <span>
            <i class="key-out" />
            {t("charts.out", { n: fmt.number(went) })}
          </span>
        </figcaption>
        <Days days={days} />
      </figure>
      <figure class="card chart">
        <h2>{t("charts.backlog")}</h2>
        {days.length ? <Plot days={days} draw={backlog} label={t("charts.backlog.alt", { n: openCount })} /> : <None />}
        <figcaption class="chart-key">
          <span>{plural("charts.open", openCount)}</span>
        </figcaption>
      </figure>
      <figure class="card chart">
        <h2>{t("charts.modules")}</h2>
        {modules.length ? <Modules modules={modules} /> : <None />}
      </figure>
    </section>
  );
}

function None() {
  return <p class="chart-none muted small">{t("charts.none")}</p>;
}

function Modules({ modules }: { modules: Trends["modules"] }) {
  const most = Math.max(...modules.map((each) => each.open));
  const shown = modules.slice(0, thresholds.page.PANEL_ROWS);
  const rest = modules.slice(shown.length).reduce((sum, each) => sum + each.open, 0);
  return (
    <ul class="bars">
      {shown.map((each) => (
        <li key={each.module}>
          <span class="bar-name">{each.module || t("charts.noModule")}</span>
          <span class="bar-track" aria-hidden="true">
            <i style={{ width: `${(each.open / most) * 100}%` }} />
          </span>
          <b>{fmt.number(each.open)}</b>
        </li>
      ))}
      {rest > 0 && (
        <li>
          <span class="bar-name muted">{t("charts.others")}</span>
          <span class="bar-track" aria-hidden="true" />
          <b>{fmt.number(rest)}</b>
        </li>
      )}
    </ul>
  );
}

function Days({ days }: { days: TrendDay[] }) {
  return (
    <details class="chart-table">
      <summary>{t("charts.table")}</summary>
      <table>
        <caption class="vh">{t("charts.label")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("charts.day")}</th>
            <th scope="col">{t("charts.col.in")}</th>
            <th scope="col">{t("charts.col.out")}</th>
            <th scope="col">{t("charts.col.open")}</th>
          </tr>
        </thead>
        <tbody>
          {days.map((each) => (
            <tr key={each.day}>
              <th scope="row">{fmt.day(noon(each.day), "UTC")}</th>
              <td>{fmt.number(each.inflow)}</td>
              <td>{fmt.number(each.outflow)}</td>
              <td>{fmt.number(each.open)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

type Colours = Record<"accent" | "accent-soft" | "ok" | "ink-3" | "line", string>;
type Draw = (days: TrendDay[], colours: Colours) => { series: uPlot.Series[]; data: uPlot.AlignedData };

function flow(days: TrendDay[], colours: Colours): ReturnType<Draw> {
  const bars = (align: 1 | -1) => uPlot.paths.bars!({ size: [0.34, 14], align, radius: 0.15 }); // not tunable: drawing
  return {
    series: [
      {},
      { fill: colours.accent, width: 0, paths: bars(-1), points: { show: false } },
      { fill: colours.ok, width: 0, paths: bars(1), points: { show: false } },
    ],
    data: [seconds(days), days.map((day) => day.inflow), days.map((day) => day.outflow)],
  };
}

function backlog(days: TrendDay[], colours: Colours): ReturnType<Draw> {
  return {
    series: [
      {},
      {
        stroke: colours.accent,
        fill: colours["accent-soft"],
        width: 2,
        points: { show: days.length < 3 }, // not tunable: drawing
      },
    ],
    data: [seconds(days), days.map((day) => day.open)],
  };
}

/** A chart on a canvas, drawn again when the data, the width, the theme or the language is another. */
function Plot({ days, draw, label }: { days: TrendDay[]; draw: Draw; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const look = theme.value;
  const speech = language.value;
  const written = JSON.stringify(days);
  useEffect(() => {
    const box = place.current;
    if (!box) return;
    let plot: uPlot | undefined;
    const paint = () => {
      plot?.destroy();
      const colours = coloursOf(box);
      const { series, data } = draw(days, colours);
      plot = new uPlot(options(box.clientWidth, series, colours), data, box);
    };
    paint();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", paint);
    const width = new ResizeObserver(() => {
      if (plot && plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height: HEIGHT });
    });
    width.observe(box);
    return () => {
      dark.removeEventListener("change", paint);
      width.disconnect();
      plot?.destroy();
    };
  }, [written, draw, look, speech]);
  return <div ref={place} class="plot" role="img" aria-label={label} />;
}

function options(width: number, series: uPlot.Series[], colours: Colours): uPlot.Options {
  const axis = { stroke: colours["ink-3"], font: "10px Inter, system-ui, sans-serif", ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [6, 4, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
    scales: {
      x: { range: (_plot, from, to) => [from - DAY / 2, to + DAY / 2] },
      y: { range: (_plot, _least, most) => [0, Math.max(4, most * 1.08)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 20, // not tunable: drawing
        gap: 2,
        space: 64,
        incrs: [1, 2, 5, 7, 14].map((each) => each * DAY),
        values: (_plot, splits) => splits.map((at) => fmt.dayMonth(at * 1000, "UTC")),
      },
      {
        ...axis,
        grid: { stroke: colours.line, width: 1 },
        size: 30, // not tunable: drawing
        gap: 4,
        space: 32,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
        values: (_plot, splits) => splits.map((n) => (n ? fmt.number(n) : "")),
      },
    ],
    series,
  };
}

function seconds(days: TrendDay[]): number[] {
  return days.map((each) => Date.parse(noon(each.day)) / 1000);
}

function noon(day: string): string {
  return `${day}T12:00:00Z`;
}

/** The theme's colours as the browser resolves them: a canvas knows no variables. */
function coloursOf(place: HTMLElement): Colours {
  const probe = document.createElement("i");
  place.append(probe);
  const of = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours: Colours = {
    accent: of("accent"),
    "accent-soft": of("accent-soft"),
    ok: of("ok"),
    "ink-3": of("ink-3"),
    line: of("line"),
  };
  probe.remove();
  return colours;
}
