#!/usr/bin/env python
"""Finds tunable numbers outside of project/thresholds. Prints each and exits with 1; `make check` runs it.

strays.mjs does the same where browsers run it.

What counts as one, in the product's Python:
- a constant, of a module or a class, that is a number (tuples, ranges and Decimals of numbers too);
- a name that says so (`timeout`, `limit`, `_seconds`: those of strays.json, but `rows` alone, the height of a box) and
  is given numbers: variable, default, keyword, dict key;
- a literal `timedelta`, unless it is nothing or one unit, which is arithmetic and not a choice;
- in rules any number beside 0, 1 and 100.
And in its templates: a length, a mark on a scale, a `data-` attribute and a cut of a text that are spelled out.

What is a protocol's, a format's or a column's says so on its line: `# not tunable: RFC 6238`. A mark that marks
nothing is reported as well; templates have no marks.
"""

import ast
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOTS = ("tenancy", "hypercare", "observability", "rollout", "project", "manage.py")
LEFT_OUT = {
    "project/thresholds": "the source itself",
    "project/demo": "a made-up story, in development only",
    "project/management/commands/demo.py": "the same",
    "migrations": "the past",
}
MARK = re.compile(r"#.*\bnot tunable: \S")
WORDS = frozenset(json.loads(Path(__file__).with_name("strays.json").read_text()))
TEMPLATES = {".html", ".mjml", ".txt"}
IN_TEMPLATES = re.compile(r"""\b(?:(?:maxlength|minlength|low|data-[\w-]+)="\d+"|truncat\w+:"?\d+)""")
CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")
NUMBERS = frozenset({"Decimal", "Fraction", "range", "int", "float"})
PLAIN = (0, 1)
IN_RULES = (0, 1, 100)


class Stray(NamedTuple):
    """Where a number stands that should be a threshold, or a mark that marks nothing."""

    first: int
    last: int
    what: str


def strays(source: str, *, rules: bool) -> tuple[list[Stray], int]:
    """Find what is not marked in a module's text, and count what is; `rules` says that it decides."""
    tree = ast.parse(source)
    found = sorted({*_constants(tree), *_named(tree), *_timedeltas(tree), *(_numbers(tree) if rules else ())})
    marks = _marks(source)
    used = {line for stray in found for line in range(stray.first, stray.last + 1) if line in marks}
    left = [stray for stray in found if marks.isdisjoint(range(stray.first, stray.last + 1))]
    idle = [Stray(line, line, "a mark that marks nothing") for line in sorted(marks - used)]
    return _once(left) + idle, len(used)


def _once(found: Sequence[Stray]) -> list[Stray]:
    """One line is told once, by the first rule that found it."""
    return list({stray.first: stray for stray in reversed(found)}.values())[::-1]


def _marks(source: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {one.start[0] for one in tokens if one.type == tokenize.COMMENT and MARK.search(one.string)}


def _constants(tree: ast.Module) -> Iterator[Stray]:
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for statement in (statement for body in bodies for statement in body):
        for name, value in _assigned(statement):
            if (
                CONSTANT.fullmatch(name)
                and _single(value)
                and any(one not in PLAIN for one in _literals(value))
            ):
                yield _stray(statement, f"{name} is a number")


def _named(tree: ast.Module) -> Iterator[Stray]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in {"timedelta", "relativedelta"}:
            continue  # their keywords are units
        for name, value in (*_assigned(node), *_defaults(node), *_passed(node)):
            words = name.lower().split("_")
            says = name != "rows" and not WORDS.isdisjoint(words)
            if says and any(number != 0 for number in _literals(value)):
                yield _stray(value, f"{name} is a number")


def _timedeltas(tree: ast.Module) -> Iterator[Stray]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "timedelta":
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            numbers = [number for value in given for number in _literals(value)]
            unit = numbers == [1] and len(given) == len(node.keywords) == 1
            if any(numbers) and not unit:
                yield _stray(node, ast.unparse(node))


def _numbers(tree: ast.Module) -> Iterator[Stray]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and _is_number(node.value) and node.value not in IN_RULES:
            yield _stray(node, f"{node.value} in rules")


def _single(value: ast.expr) -> bool:
    """A table of numbers is no choice of one: its keys say what they are, and what `_named` reads."""
    if isinstance(value, ast.Call):
        return _called(value) in NUMBERS
    return not isinstance(value, ast.Dict | ast.Set)


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    value = getattr(node, "value", None)
    for target in targets:
        if value is not None and isinstance(target, ast.Name | ast.Attribute):
            yield target.id if isinstance(target, ast.Name) else target.attr, value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = zip(target.elts, value.elts, strict=False)
            yield from ((name.id, each) for name, each in pairs if isinstance(name, ast.Name))


def _defaults(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.arguments):
        named = [*node.posonlyargs, *node.args]
        with_default = named[len(named) - len(node.defaults) :]
        yield from ((one.arg, value) for one, value in zip(with_default, node.defaults, strict=True))
        pairs = zip(node.kwonlyargs, node.kw_defaults, strict=True)
        yield from ((one.arg, value) for one, value in pairs if value is not None)


def _passed(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Call):
        yield from ((one.arg, one.value) for one in node.keywords if one.arg)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def _literals(node: ast.expr) -> Iterator[int | float]:
    """The numbers that an expression spells out; none of what it computes from names."""
    if isinstance(node, ast.Constant):
        if _is_number(node.value):
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*_literals(node.body), *_literals(node.orelse))
    elif isinstance(node, ast.UnaryOp):
        yield from _literals(node.operand)
    elif isinstance(node, ast.BinOp):
        left, right = list(_literals(node.left)), list(_literals(node.right))
        if left and right:
            yield from (*left, *right)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for each in node.elts:
            yield from _literals(each)
    elif isinstance(node, ast.Dict):
        for each in node.values:
            yield from _literals(each)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[int | float]:
    name = _called(node)
    if name in {"Decimal", "Fraction"} and len(node.args) == 1:
        text = node.args[0]
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield float(text.value)
        else:
            yield from _literals(text)
    elif name in {"frozenset", "set", "tuple", *NUMBERS}:
        for each in node.args:
            yield from _literals(each)
    elif name == "get" and isinstance(
        node.func, ast.Attribute
    ):  # a choice out of numbers: {"web": 5}.get(kind, 0)
        yield from _literals(node.func.value)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _stray(node: ast.stmt | ast.expr, what: str) -> Stray:
    return Stray(node.lineno, node.end_lineno or node.lineno, what)


def in_template(source: str) -> list[Stray]:
    """Find what a template spells out; its view should give it."""
    lines = enumerate(source.splitlines(), start=1)
    return [Stray(at, at, found) for at, line in lines for found in IN_TEMPLATES.findall(line)]


def modules(root: Path) -> Iterator[Path]:
    """Every module of the product, as a path below `root`."""
    for top in ROOTS:
        for path in [root / top] if top.endswith(".py") else sorted((root / top).rglob("*.py")):
            name = path.relative_to(root)
            if not any(left in (*name.parts, *map(str, (name, *name.parents))) for left in LEFT_OUT):
                yield name


def templates(root: Path) -> Iterator[Path]:
    """Every template of the product, as a path below `root`."""
    for top in ("templates", *ROOTS):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in TEMPLATES and "templates" in path.relative_to(root).parts:
                yield path.relative_to(root)


def decides(name: Path) -> bool:
    """Rules decide: rules.py and all of a package of that name."""
    return "rules" in name.parts or name.name == "rules.py"


def main(root: Path) -> int:
    """Print every stray; 1 if there is one, else 0."""
    marked = seen = 0
    all_found: list[tuple[Path, Stray]] = []
    for name in modules(root):
        found, marks = strays((root / name).read_text(), rules=decides(name))
        seen, marked = seen + 1, marked + marks
        all_found += [(name, stray) for stray in found]
    for name in templates(root):
        all_found += [(name, stray) for stray in in_template((root / name).read_text())]
    for name, stray in all_found:
        sys.stdout.write(f"{name}:{stray.first}: {stray.what}\n")
    told = len(all_found)
    sys.stdout.write(f"{seen} modules, {told} stray number(s), {marked} marked as not tunable\n")
    if told:
        sys.stdout.write(
            "Move it to project/thresholds, or say why nobody tunes it: # not tunable: <reason>\n"
        )
    return 1 if told or not seen else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)))
