"""From the environment to the frozen thresholds: every override is read, every fault of all of them is told."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from project.build import build_id
from project.thresholds.invariants import violations
from project.thresholds.product import MttrTarget, SlaTarget
from project.thresholds.source import (
    DEFAULTS,
    Thresholds,
    Value,
    config_hash,
    show,
    variable_of,
    with_values,
)

ROOT: Final = Path(__file__).resolve().parent.parent.parent
ENVIRONMENTS: Final = ("development", "staging", "production")
ALIASES: Final = {  # names that the source used, or we
    "PILOT_MAX_INVOICES_PER_HOUR": "pilot.MAX_INVOICES_PER_HOUR",
    "PILOT_MAX_INCIDENTS_PER_HOUR": "pilot.MAX_INCIDENTS_PER_HOUR",
    "WEB_THREADS": "process.WEB_THREADS",  # an older name of ours
}
NEAR: Final = 0.85
"""How alike, of 1, a name has to be to be the one that was meant."""
VARIABLES: Final = {variable_of(name): name for name in DEFAULTS} | ALIASES


@dataclass(frozen=True)
class Config:
    """What settings takes over from the environment; a process that has one may start."""

    thresholds: Thresholds
    env: str
    config_hash: str
    build_id: str


class ConfigError(Exception):
    """The configuration is refused; `faults` holds every reason, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n  - ".join((f"Config validation failed with {len(self.faults)} fault(s):", *self.faults))


def load_config(environ: Mapping[str, str], root: Path = ROOT) -> Config:
    """Read ENV, thresholds and build from the environment; ConfigError lists all faults of all of them."""
    env = environ.get("ENV", "")
    thresholds, faults = _read(environ)
    faults = _env_faults(env) + faults
    if faults:
        raise ConfigError(faults)
    return Config(thresholds, env, config_hash(thresholds), build_id(environ, root))


def load(environ: Mapping[str, str]) -> Thresholds:
    """Apply the environment's overrides to the defaults; ConfigError lists all that is wrong with them."""
    thresholds, faults = _read(environ)
    if faults:
        raise ConfigError(faults)
    return thresholds


def validate_env(value: str) -> str:
    """Give the environment's name back; ConfigError unless it is one of ENVIRONMENTS, spelled exactly so."""
    faults = _env_faults(value)
    if faults:
        raise ConfigError(faults)
    return value


def _env_faults(value: str) -> list[str]:
    if value in ENVIRONMENTS:
        return []
    return [f"ENV ({value!r}) must be one of {', '.join(ENVIRONMENTS)}"]


def _read(environ: Mapping[str, str]) -> tuple[Thresholds, list[str]]:
    """Read every override; an invariant with an unreadable part is left out, for nobody meant the default."""
    faults = [_unknown(variable) for variable in sorted(environ) if _is_unknown(variable)]
    given: dict[str, Value] = {}
    unreadable: set[str] = set()
    for variable, name in VARIABLES.items():
        if variable not in environ:
            continue
        try:
            value = _parse(environ[variable], DEFAULTS[name])
        except ValueError as error:
            faults.append(f"{variable} ({environ[variable]!r}) {error}")
            unreadable.add(name)
            continue
        if given.setdefault(name, value) != value:
            first = variable_of(name)
            faults.append(
                f"{variable} ({show(value)}) and {first} ({show(given[name])}) set {name} differently"
            )
            unreadable.add(name)
    thresholds = replace(with_values(Thresholds(), given), overridden=frozenset(given))
    broken = [violation for violation in violations(thresholds) if unreadable.isdisjoint(violation.names)]
    return thresholds, faults + [str(violation) for violation in broken]


def _is_unknown(variable: str) -> bool:
    return variable.upper().startswith(("THRESHOLD_", "PILOT_MAX_")) and variable not in VARIABLES


def _unknown(variable: str) -> str:
    near = difflib.get_close_matches(variable.upper(), VARIABLES, n=1, cutoff=NEAR)
    return f"{variable} is not a threshold" + (f"; did you mean {near[0]}?" if near else "")


# Nine digits keep every int within a database integer and every Decimal exact.
WHOLE: Final = re.compile(r"\d{1,9}", re.ASCII)
PLAIN: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def _parse(text: str, default: Value) -> Value:
    """Read a value of the default's type; ValueError says what was expected."""
    if isinstance(default, Decimal):
        return _plain(
            text, "must be a plain number such as 0.05: no sign, exponent or comma, at most 9 digits"
        )
    if isinstance(default, int):
        return _whole(text, "must be a whole number such as 20: no sign, point or comma, at most 9 digits")
    if isinstance(default, SlaTarget):
        return SlaTarget(*_parts(text, "two", "response,resolution"))
    if isinstance(default, MttrTarget):
        return MttrTarget(*_parts(text, "four", "detect,mitigate,recover,mttr"))
    if isinstance(default[0], Decimal):
        return tuple(_plain(part, "must be plain numbers with commas between") for part in text.split(","))
    return tuple(_whole(part, "must be whole numbers with commas between") for part in text.split(","))


def _parts(text: str, count: str, names: str) -> list[int]:
    expected = f"must be {count} whole numbers of minutes: {names}"
    parts = [_whole(part, expected) for part in text.split(",")]
    if len(parts) != len(names.split(",")):
        raise ValueError(expected)
    return parts


def _plain(text: str, expected: str) -> Decimal:
    if not PLAIN.fullmatch(text.strip()):
        raise ValueError(expected)
    return Decimal(text.strip())


def _whole(text: str, expected: str) -> int:
    if not WHOLE.fullmatch(text.strip()):
        raise ValueError(expected)
    return int(text.strip())
