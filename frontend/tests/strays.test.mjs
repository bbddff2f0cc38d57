import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { main, strays } from "../../.ci/strays.mjs";

/** The check for tunable numbers outside of the thresholds, in what browsers run. `tests/test_strays.py` has Python's. */

const found = (source) => strays(source).strays.map(({ what }) => what);

it.each([
  ["const ROWS = 50;", "ROWS is a number"],
  ["const _ROWS: number = 50;", "_ROWS is a number"],
  ["export const KEPT = 10 as const;", "KEPT is a number"],
  ["function f() { const KEPT = 10; }", "KEPT is a number"],
  ["const BYTES = 10 * 1024;", "BYTES is a number"],
  ["const SHARE = -0.5;", "SHARE is a number"],
  ["const CHOICES = [1, 2, 7] as const;", "CHOICES is a number"],
  ["const ROWS = isWide ? 50 : 10;", "ROWS is a number"],
  ["const ROWS = given ?? 50;", "ROWS is a number"],
  ["class A { static ROWS = 50; }", "ROWS is a number"],
  ["let timeout = 1;", "timeout is a number"],
  ["const retryMs = 500;", "retryMs is a number"],
  ["this.limit = 5;", "limit is a number"],
  ["this.#limit = 5;", "#limit is a number"],
  ["const [limit, setLimit] = useState(50);", "limit is a number"],
  ["const shown = useRef<number>(5);", "shown is a number"],
  ["export const most = signal(5);", "most is a number"],
  ["function f(patience = 5) {}", "patience is a number"],
  ["const f = ({ firstRows = 5 }) => 0;", "firstRows is a number"],
  ["class A { private wait = 5; }", "wait is a number"],
  ["list({ page_size: 200 });", "page_size is a number"],
  ["list({ 'page-size': 200 });", "page-size is a number"],
  ["list({ pageSize: Number(200) });", "pageSize is a number"],
  ["<input maxLength={255} />", "maxLength is a number"],
  ['<input maxLength="255" />', "maxLength is a number"],
  ["<List\n  most={5}\n/>", "most is a number"],
  ["setTimeout(load, 1500);", "the wait of setTimeout is a number"],
  ["setTimeout(load, 150 + Math.random() * 250);", "the wait of setTimeout is a number"],
  ["window.setInterval(load, seconds * 1000);", "the wait of setInterval is a number"],
  ["rows.slice(0, 6);", "a number cuts a list"],
  ["rows.slice(-2);", "a number cuts a list"],
  ["if (rows.length > 20) f();", "a length is compared to a number"],
  ["<p>{6 >= rows.length && <b />}</p>", "a length is compared to a number"],
])("finds a number that somebody may tune: %s", (source, what) => {
  expect(found(source)).toEqual([what]);
});

it.each([
  "const [ZERO, ONE] = [0, 1];\nconst NONE = 0;\nconst FIRST = 1;",
  "const NAME = 'ROWS = 50';",
  "const ROWS = thresholds.api.PAGE_ROWS;",
  "const HALF = thresholds.api.PAGE_ROWS / 2;",
  "const DAY_SECONDS = 24 * HOUR_SECONDS;",
  "let limit = 0;",
  "const isShown = true;",
  "const [size, setSize] = useState(thresholds.api.PAGE_ROWS);",
  "const STATUS = { 200: 'ok', gone: 410 };",
  "const rows = 5;\n<textarea rows={4} />;",
  "if (error.status === 404) f();",
  "if (rows.length > 1) f(rows.slice(1, -1));",
  "setTimeout(load, 0);\nsetTimeout(load);",
  "setTimeout(load, thresholds.page.TYPING_MS);",
  "setInterval(load, thresholds.page.INCIDENT_SECONDS * SECOND_MS);",
  "const size = Math.max(4, most);",
  '<svg width="22" viewBox="0 0 22 22"><path d="M5 13.5h3" stroke-width={1.8} /></svg>',
  '<i style={{ zIndex: 3, width: `${100 * share}%` }} tabIndex={-1} />',
  "uPlot({ height: 132, gap: 4, space: 64 });",
  "interface Shown { most: 5 }",
])("leaves alone what draws, what is computed and what is read from the thresholds: %s", (source) => {
  expect(found(source)).toEqual([]);
});

it("needs a reason for a mark, and something to mark", () => {
  const idle = "a mark that marks nothing";
  expect(found("const BAR = 56; // not tunable: of frame.css")).toEqual([]);
  expect(found("list({\n  size: 20, // not tunable: drawing\n  gap: 2,\n});")).toEqual([]);
  expect(found("<List\n  most={5} /* not tunable: what fits */\n/>")).toEqual([]);
  expect(found("const BAR = 56; // not tunable:")).toEqual(["BAR is a number"]);
  expect(found("const BAR = 56; /* not tunable: */")).toEqual(["BAR is a number"]);
  expect(found("// not tunable: above\nconst BAR = 56;")).toEqual([idle, "BAR is a number"]);
  expect(found("const name = 'x'; // not tunable: a name")).toEqual([idle]);
  expect(found("const text = '// not tunable: a text';\n<p>// not tunable: words of a page</p>;")).toEqual([]);
  expect(strays("const A = 30; // not tunable: one\nconst B = 31; // not tunable: two").marked).toBe(2);
});

let root;
const write = (name, text) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
};
const run = () => {
  const lines = [];
  return [main(root, (line) => lines.push(line)), ...lines.slice(0, 2)];
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "strays-"));
  for (const folder of ["frontend/src", "tenancy/static"]) mkdirSync(join(root, folder), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

it.each(["frontend/src/views/list.tsx", "frontend/src/live/waits.ts", "tenancy/static/console/refresh.js"])(
  "names the place and fails: %s",
  (name) => {
    write(name, "\nconst ROWS = 50;\n");
    const counted = "1 modules of the front end, 1 stray number(s), 0 marked as not tunable";
    expect(run()).toEqual([1, `${name}:2: ROWS is a number`, counted]);
  },
);

it.each(["frontend/src/api/lengths.ts", "frontend/src/api/schema.d.ts"])("leaves out the API's contract: %s", (name) => {
  write(name, "export const ROWS = 50;\n");
  write("frontend/src/main.tsx", "f();");
  expect(run()).toEqual([0, "1 modules of the front end, 0 stray number(s), 0 marked as not tunable"]);
});

it("takes nothing to look at for no success", () => {
  expect(run()[0]).toBe(1);
});
