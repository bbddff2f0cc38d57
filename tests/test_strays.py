"""The check for tunable numbers outside of the thresholds: what it finds, what it leaves alone, and that we pass."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / ".ci" / "strays.py"
CHECK = runpy.run_path(str(SCRIPT), run_name="strays")


def found(source, *, rules=False):
    strays, _marked = CHECK["strays"](source, rules=rules)
    return [stray.what for stray in strays]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("ROWS = 50", "ROWS is a number"),
        ("_ROWS = 50", "_ROWS is a number"),
        ("ROWS: Final = 50", "ROWS is a number"),
        ("ROWS, NAME = 50, 'x'", "ROWS is a number"),
        ("ROWS = 10 * 1024", "ROWS is a number"),
        ("SHARE = -0.5", "SHARE is a number"),
        ("SHARE = Decimal('0.05')", "SHARE is a number"),
        ("CHOICES = (1, 2, 7)", "CHOICES is a number"),
        ("ROWS = 5 if PRODUCTION else 10", "ROWS is a number"),
        ("class A:\n    ROWS = 50", "ROWS is a number"),
        ("class A:\n    rows_limit = 50", "rows_limit is a number"),
        ("timeout = 1", "timeout is a number"),
        ("self.timeout_seconds = 5", "timeout_seconds is a number"),
        ("def f(timeout=5): pass", "timeout is a number"),
        ("def f(*, limit=5): pass", "limit is a number"),
        ("async def f(a, retry_seconds=5): pass", "retry_seconds is a number"),
        ("lambda patience=5: 0", "patience is a number"),
        ("connect(timeout=5)", "timeout is a number"),
        ("connect(socket_timeout=0.5)", "socket_timeout is a number"),
        ("options = {'socket_timeout': 5}", "socket_timeout is a number"),
        ("MS = {'web': 5, 'beat': 7}.get(kind, 0)", "MS is a number"),
        ("threshold = 3", "threshold is a number"),
        ("EVERY = timedelta(minutes=5)", "timedelta(minutes=5)"),
        ("soon = now + datetime.timedelta(hours=2)", "datetime.timedelta(hours=2)"),
        ("timedelta(2)", "timedelta(2)"),
        ("timedelta(1)", "timedelta(1)"),
        ("timedelta(days=1, hours=1)", "timedelta(days=1, hours=1)"),
        ("timedelta(minutes=3 * 5)", "timedelta(minutes=3 * 5)"),
        ("timedelta(minutes=-5)", "timedelta(minutes=-5)"),
    ],
)
def test_a_number_that_somebody_may_tune_is_found(source, what):
    assert found(source) == [what]


@pytest.mark.parametrize(
    "source",
    [
        "ZERO, ONE = 0, 1",
        "NAME = 'ROWS = 50'",
        "ROWS = settings.THRESHOLDS.sheets.MOST_ROWS",
        "HALF = settings.THRESHOLDS.sheets.MOST_ROWS / 2",
        "limit = 0",
        "timeout = None",
        "retries = True",
        "connect(timeout=settings.THRESHOLDS.broker.CONNECT_SECONDS)",
        "rows = 50",  # a local that no name gives away
        "STATUS = {200: 'ok'}",
        "GONE = frozenset({410})",
        "timedelta(0)",
        "timedelta()",
        "span // timedelta(minutes=1)",
        "day + timedelta(days=1)",
        "timedelta(minutes=limits.STUCK_MINUTES)",
        "timedelta(seconds=2 * limits.EVERY_SECONDS)",
        "timedelta(minutes=minutes)",
        "half = total / 2",
    ],
)
def test_arithmetic_and_what_is_read_from_the_thresholds_is_left_alone(source):
    assert found(source) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('<textarea maxlength="20000">', ['maxlength="20000"']),
        ('<meter min="0" low="80" max="100">', ['low="80"']),
        ('<main data-refresh="30">', ['data-refresh="30"']),
        ("{{ plan|truncatechars:600 }}", ["truncatechars:600"]),
        ('{{ plan|truncatewords_html:"60" }}', ['truncatewords_html:"60']),
        ('<textarea rows="4" maxlength="{{ longest }}">{{ plan|truncatechars:excerpt }}', []),
    ],
)
def test_a_template_spells_no_number_out(line, what):
    assert [stray.what for stray in CHECK["in_template"](f"<p>\n{line}")] == what


def test_rules_know_only_0_1_and_100():
    assert found("def f(x):\n    return x > 7", rules=True) == ["7 in rules"]
    assert found("def f(x):\n    return round(x, 2) * 0.5", rules=True) == ["0.5 in rules"]
    assert found("def f(x):\n    return x > 7") == []
    assert found("def f(x):\n    return x * 100 + 1 - 0 if x is not True else 1.0", rules=True) == []


def test_rules_are_a_module_or_a_package_of_that_name():
    decides = CHECK["decides"]
    assert decides(Path("tenancy/rules.py"))
    assert decides(Path("hypercare/rules/clocks.py"))
    assert not decides(Path("hypercare/services/rulesets.py"))


def test_a_mark_needs_a_reason_and_something_to_mark():
    assert found("TOTP = 30  # not tunable: RFC 6238") == []
    assert found("connect(\n    timeout=5,  # not tunable: it is asked once\n)") == []
    assert found("ROWS = 50  # noqa: X - why; not tunable: a format's") == []
    assert found("TOTP = 30  # not tunable:") == ["TOTP is a number"]
    assert found("TOTP = 30  # not tunable") == ["TOTP is a number"]
    assert found("# not tunable: RFC 6238\nTOTP = 30") == ["TOTP is a number", "a mark that marks nothing"]
    assert found("NAME = 'x'  # not tunable: a name") == ["a mark that marks nothing"]
    assert found("NAME = '# not tunable: a text'") == []
    assert CHECK["strays"]("A = 30  # not tunable: one\nB = 31  # not tunable: two", rules=False)[1] == 2


def run(root):
    done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def product(root, name, text):
    for top in CHECK["ROOTS"]:
        (root / top).write_text("") if top.endswith(".py") else (root / top).mkdir(
            parents=True, exist_ok=True
        )
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_it_names_the_place_and_fails(tmp_path):
    product(tmp_path, "tenancy/web/rows.py", "\nROWS = 50\n")
    code, lines = run(tmp_path)
    assert code == 1
    assert lines[:2] == [
        "tenancy/web/rows.py:2: ROWS is a number",
        "2 modules, 1 stray number(s), 0 marked as not tunable",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "project/thresholds/running.py",
        "project/demo/seed.py",
        "tenancy/migrations/0001_first.py",
        "tests/x.py",
    ],
)
def test_the_source_itself_the_demos_story_and_the_past_are_left_out(tmp_path, name):
    product(tmp_path, name, "ROWS = 50\n")
    assert run(tmp_path) == (0, ["1 modules, 0 stray number(s), 0 marked as not tunable"])


def test_nothing_to_look_at_is_no_success(tmp_path):
    assert run(tmp_path)[0] == 1


def test_no_number_of_the_product_strays():
    code, lines = run(ROOT)
    assert code == 0, "\n".join(lines)
