#!/usr/bin/env node
/**
 * Finds tunable numbers in what browsers run, as strays.py does in Python: they belong into project/thresholds, from
 * where src/thresholds.ts has them. Prints each and exits with 1; `make check` runs it.
 *
 * What counts as one, in TypeScript and JavaScript:
 * - a constant in capitals that is a number (what is computed of numbers, and lists of them too);
 * - a name that says so (`timeout`, `limit`, `pageSize`, those of strays.json, and `maxLength`) and is given numbers:
 *   variable, state, default, property, attribute of JSX;
 * - a number in the wait of setTimeout or setInterval;
 * - a number beside 0 and 1 by which a list is cut (`slice`), or to which its length is compared.
 *
 * What draws is no such choice, and has none of these names: paths, widths, places; `rows` alone is the height of a box.
 * How long texts may be is the API's contract and stands in src/api/lengths.ts.
 *
 * What is a protocol's, a format's or a drawing's says so on its line: `// not tunable: a unit`. A mark that marks
 * nothing is reported as well.
 */

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";
import { argv, exit } from "node:process";
import { fileURLToPath } from "node:url";

const ROOTS = ["frontend/src", "tenancy/static"];
const LEFT_OUT = new Map([
  ["frontend/src/api/schema.d.ts", "made from docs/openapi.yaml"],
  ["frontend/src/api/lengths.ts", "the API's contract, which a test holds against docs/openapi.yaml"],
]);
const MARK = /not tunable: [^\s*]/;
const HERE = new URL(".", import.meta.url);
const WORDS = new Set([...JSON.parse(readFileSync(new URL("strays.json", HERE), "utf8")), "length"]);
const CONSTANT = /^_*[A-Z][A-Z0-9_]*$/;
const TIMERS = new Set(["setTimeout", "setInterval"]);
/** What holds the number that it is given. */
const HOLDERS = new Set(["useState", "useRef", "signal", "Number"]);

const ts = createRequire(new URL("../frontend/package.json", HERE))("typescript");
const { SyntaxKind: Kind } = ts;
const COMPARES = new Set([
  Kind.LessThanToken,
  Kind.LessThanEqualsToken,
  Kind.GreaterThanToken,
  Kind.GreaterThanEqualsToken,
]);

/** What is not marked in a module's text, and how many marks it has that mark something. */
export function strays(source, name = "module.tsx") {
  const file = ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true);
  const lineOf = (position) => file.getLineAndCharacterOfPosition(position).line + 1;
  const found = [];
  const visit = (node) => {
    for (const [at, what] of [...constants(node), ...named(node), ...timers(node), ...cuts(node)]) {
      found.push({ first: lineOf(at.getStart(file)), last: lineOf(at.end), what });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  const marks = new Set(comments(file).filter(([, text]) => MARK.test(text)).map(([position]) => lineOf(position)));
  const linesOf = ({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const used = new Set(found.flatMap(linesOf).filter((line) => marks.has(line)));
  const left = found.filter((stray) => !linesOf(stray).some((line) => marks.has(line)));
  const idle = [...marks].filter((line) => !used.has(line));
  return {
    strays: [
      ...new Map(left.toReversed().map((stray) => [stray.first, stray])).values(), // a line is told once
      ...idle.map((line) => ({ first: line, last: line, what: "a mark that marks nothing" })),
    ].toSorted((one, other) => one.first - other.first),
    marked: used.size,
  };
}

function* constants(node) {
  for (const [name, value, at] of given(node)) {
    const isOne = CONSTANT.test(name) && !ts.isObjectLiteralExpression(bare(value));
    if (isOne && [...literals(value)].some((number) => number !== 0 && number !== 1)) yield [at, `${name} is a number`];
  }
}

function* named(node) {
  for (const [name, value, at] of given(node)) {
    const says = name !== "rows" && wordsOf(name).some((word) => WORDS.has(word));
    if (says && [...literals(value)].some((number) => number !== 0)) yield [at, `${name} is a number`];
  }
}

function* timers(node) {
  if (!ts.isCallExpression(node) || !TIMERS.has(called(node)) || !node.arguments[1]) return;
  const wait = node.arguments[1];
  if ([...within(wait)].some((number) => number !== 0)) yield [wait, `the wait of ${called(node)} is a number`];
}

function* cuts(node) {
  const isMore = (value) => [...literals(value)].some((number) => number > 1);
  if (ts.isCallExpression(node) && called(node) === "slice") {
    for (const bound of node.arguments) if (isMore(bound)) yield [bound, "a number cuts a list"];
  }
  if (ts.isBinaryExpression(node) && COMPARES.has(node.operatorToken.kind)) {
    for (const [one, other] of [[node.left, node.right], [node.right, node.left]]) {
      const isLength = ts.isPropertyAccessExpression(one) && one.name.text === "length";
      if (isLength && isMore(other)) yield [node, "a length is compared to a number"];
    }
  }
}

/** What is given a value by its name: the name, the value, and what holds both. */
function* given(node) {
  if (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isPropertyDeclaration(node) || ts.isBindingElement(node)) {
    const name = ts.isArrayBindingPattern(node.name) ? node.name.elements[0]?.name : node.name;
    if (node.initializer && name && isName(name)) yield [name.text, node.initializer, node];
  } else if (ts.isPropertyAssignment(node) && isName(node.name)) {
    yield [node.name.text, node.initializer, node];
  } else if (ts.isJsxAttribute(node) && node.initializer && ts.isIdentifier(node.name)) {
    const value = ts.isJsxExpression(node.initializer) ? node.initializer.expression : node.initializer;
    if (value) yield [node.name.text, value, node];
  } else if (ts.isBinaryExpression(node) && node.operatorToken.kind === Kind.EqualsToken) {
    const target = ts.isPropertyAccessExpression(node.left) ? node.left.name : node.left;
    if (isName(target)) yield [target.text, node.right, node];
  }
}

/** The numbers that an expression spells out; none of what it computes from names. */
function* literals(value) {
  const node = bare(value);
  if (ts.isNumericLiteral(node)) yield Number(node.text);
  else if (ts.isStringLiteral(node) && ts.isJsxAttribute(node.parent) && /^\d+$/.test(node.text)) yield Number(node.text);
  else if (ts.isPrefixUnaryExpression(node)) yield* literals(node.operand);
  else if (ts.isConditionalExpression(node)) yield* [...literals(node.whenTrue), ...literals(node.whenFalse)];
  else if (ts.isBinaryExpression(node)) {
    const [left, right] = [[...literals(node.left)], [...literals(node.right)]];
    const isDefault = node.operatorToken.kind === Kind.QuestionQuestionToken || node.operatorToken.kind === Kind.BarBarToken;
    if (isDefault) yield* right;
    else if (left.length && right.length) yield* [...left, ...right];
  } else if (ts.isArrayLiteralExpression(node)) for (const each of node.elements) yield* literals(each);
  else if (ts.isCallExpression(node) && HOLDERS.has(called(node))) for (const each of node.arguments) yield* literals(each);
}

/** Every number that stands in an expression. */
function* within(node) {
  if (ts.isNumericLiteral(node)) yield Number(node.text);
  const inner = [];
  ts.forEachChild(node, (child) => void inner.push(child));
  for (const child of inner) yield* within(child);
}

/** An expression without its brackets and what only types it. */
function bare(node) {
  while (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) {
    node = node.expression;
  }
  return node;
}

function isName(node) {
  return ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isStringLiteral(node);
}

function called(node) {
  const target = node.expression;
  return ts.isPropertyAccessExpression(target) ? target.name.text : ts.isIdentifier(target) ? target.text : "";
}

/** `firstWaitMs`, `FIRST_WAIT_MS` and `first-wait-ms`: first, wait, ms. */
function wordsOf(name) {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase());
}

/** Where each comment begins, and its text. What a page says is none. */
function comments(file) {
  const found = new Map();
  const texts = [];
  const visit = (node) => {
    if (ts.isJsxText(node)) texts.push(node);
    const children = node.getChildren(file);
    children.forEach(visit);
    if (children.length) return;
    const around = [
      ...(ts.getLeadingCommentRanges(file.text, node.pos) ?? []),
      ...(ts.getTrailingCommentRanges(file.text, node.end) ?? []),
    ];
    for (const { pos, end } of around) found.set(pos, file.text.slice(pos, end));
  };
  visit(file);
  return [...found].filter(([at]) => !texts.some(({ pos, end }) => pos <= at && at < end));
}

/** Every module of the front end, as a path below `root`. */
function modules(root) {
  return ROOTS.flatMap((top) => readdirSync(join(root, top), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((name) => !LEFT_OUT.has(name))
    .toSorted();
}

/** Print every stray; 1 if there is one, else 0. */
export function main(root, print = console.log) {
  let [told, marks] = [0, 0];
  const names = modules(root);
  for (const name of names) {
    const { strays: found, marked } = strays(readFileSync(join(root, name), "utf8"), name);
    told += found.length;
    marks += marked;
    for (const stray of found) print(`${name}:${stray.first}: ${stray.what}`);
  }
  print(`${names.length} modules of the front end, ${told} stray number(s), ${marks} marked as not tunable`);
  if (told) print("Move it to project/thresholds, or say why nobody tunes it: // not tunable: <reason>");
  return told || !names.length ? 1 : 0;
}

if (argv[1] === fileURLToPath(import.meta.url)) exit(main(argv[2] ?? fileURLToPath(new URL("..", HERE))));
