"""Timing and the table that every bench prints."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line: ours beside the plain way and the limit, all in `unit`; `ratio` is ours / limit."""

    work: str
    ours: float
    limit: float
    plain: float | None = None
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        return self.ours / self.limit

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": round(self.ratio, 3)}


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds that `work` takes."""
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000


def show(rows: list[Row]) -> None:
    print(f"{'work':<66}{'ours':>10}{'plain':>10}{'limit':>10}{'ratio':>8}")
    for row in rows:
        plain = f"{row.plain:10.2f}" if row.plain is not None else f"{'-':>10}"
        print(f"{row.work:<66}{row.ours:10.2f}{plain}{row.limit:10.2f}{row.ratio:8.2f}  {row.unit}")
