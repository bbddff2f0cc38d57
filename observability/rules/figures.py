"""The arithmetic of run summaries: rates from counts, and a row of bars."""

from collections.abc import Mapping, Sequence

COUNTS = (
    "total_invoices",
    "incident_count",
    "s1_count",
    "s2_count",
    "ocr_suspect_count",
    "accept_rounding_count",
    "resolved_count",
    "feedback_count",
)
"""What every run summary counts, 0 where nobody does; `incident_count` are quality incidents."""
HINT_RIGHT = "hint_right_count"
"""Feedback that says that the hint was right."""
BLOCKS = "▁▂▃▄▅▆▇█"


def rates(counts: Mapping[str, int]) -> dict[str, float]:
    """The rates of a run summary, within 0..1 and to four places; 0.0 of nothing.

    `mismatch_rate`: mismatching invoices of all. `s1_rate`: S1 of S1 and S2. `s2_rate`: S2 of all invoices.
    `ocr_suspect_rate`: of the mismatches. `accept_rounding_rate`: of all invoices. `feedback_coverage`: resolved
    incidents with feedback, of all resolved. `hint_accuracy_rate`: right hints, of all feedback.
    """

    def of(part: str, *whole: str) -> float:
        return share(counts.get(part, 0), sum(counts.get(name, 0) for name in whole))

    return {
        "mismatch_rate": of("incident_count", "total_invoices"),
        "s1_rate": of("s1_count", "s1_count", "s2_count"),
        "s2_rate": of("s2_count", "total_invoices"),
        "ocr_suspect_rate": of("ocr_suspect_count", "incident_count"),
        "accept_rounding_rate": of("accept_rounding_count", "total_invoices"),
        "feedback_coverage": of("feedback_count", "resolved_count"),
        "hint_accuracy_rate": of(HINT_RIGHT, "feedback_count"),
    }


def share(part: int, whole: int) -> float:
    """`part` of `whole`, to four places; 0.0 of nothing, and never above 1.

    A part above its whole comes from counts that were read at different moments.
    """
    return round(min(part / whole, 1.0), 4) if whole else 0.0  # not tunable: four places


def heights(values: Sequence[float], highest: int) -> list[int]:
    """How high a bar each of `values` is, 0 to `highest`; none that is there is drawn as nothing."""
    top = max(values, default=0)
    return [max(1, round(value / top * highest)) if value else 0 for value in values]


def blocks(values: Sequence[float]) -> str:
    """A row of bars in plain text: one block character each, the lowest for nothing."""
    return "".join(BLOCKS[height] for height in heights(values, len(BLOCKS) - 1))
