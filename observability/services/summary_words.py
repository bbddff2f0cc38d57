"""A run summary in words, in the active language: what a person reads first."""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from observability.services.summaries import contributors

COUNTED: dict[str, Any] = {
    "total_invoices": gettext_lazy("Invoices"),
    "incident_count": gettext_lazy("Quality incidents"),
    "s1_count": gettext_lazy("of them S1"),
    "s2_count": gettext_lazy("of them S2"),
    "ocr_suspect_count": gettext_lazy("OCR suspects"),
    "accept_rounding_count": gettext_lazy("Accepted as rounding"),
    "resolved_count": gettext_lazy("Quality incidents resolved"),
    "feedback_count": gettext_lazy("Answers about hints"),
    "hint_right_count": gettext_lazy("Hints that were right"),
}
RATES: dict[str, Any] = {
    "mismatch_rate": gettext_lazy("Mismatches of all invoices"),
    "s1_rate": gettext_lazy("S1 of S1 and S2"),
    "s2_rate": gettext_lazy("S2 of all invoices"),
    "ocr_suspect_rate": gettext_lazy("OCR suspects of the mismatches"),
    "accept_rounding_rate": gettext_lazy("Accepted as rounding, of all invoices"),
    "feedback_coverage": gettext_lazy("Resolved with feedback"),
    "hint_accuracy_rate": gettext_lazy("Hints that were right, of the answers"),
}


def number(value: float, places: int = 0) -> str:
    """A number as the reader writes it."""
    return number_format(round(value, places), decimal_pos=places, use_l10n=True, force_grouping=True)


def ran_well(body: Mapping[str, Any]) -> bool | None:
    """Whether nothing failed on our side; None where nothing was measured."""
    if body["errors"]["total_5xx"] or body["queue"]["stuck_detected"] or body["missing"]:
        return False
    return True if body["requests"]["count"] or body["queue"]["minutes_measured"] else None


def sentences(body: Mapping[str, Any]) -> list[str]:
    """What happened, then how it ran."""
    theirs = [one.words for one in contributors() if one.words and one.name not in body["missing"]]
    said = [sentence for words in theirs for sentence in words(body["counts"])]
    return [*said, *_quality(body["counts"]), *_ran(body), *_requests(body)]


def label_of(key: str) -> str:
    """What a count is called; one that nobody names (any more) as it is written."""
    for one in contributors():
        if key in one.labels:
            return str(one.labels[key])
    return str(COUNTED.get(key, key))


def charted() -> str:
    """The count whose days are drawn as bars."""
    return next((one.charted for one in contributors() if one.charted), "incident_count")


def shown_counts(body: Mapping[str, Any], *, zeros: bool = True) -> list[tuple[str, str]]:
    """Label and number of each count: the contributors' own, then the quality counts where there are invoices."""
    counts = body["counts"]
    theirs = [key for one in contributors() for key in one.labels if key in counts]
    quality = [key for key in COUNTED if key in counts] if counts["total_invoices"] else []
    return [(label_of(key), number(counts[key])) for key in (*theirs, *quality) if zeros or counts[key]]


def shown_rates(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and percentage of each rate; none without invoices."""
    if not body["counts"]["total_invoices"]:
        return []
    shares = {key: _("%(share)s %%") % {"share": number(body["rates"][key] * 100, 1)} for key in RATES}
    return [(str(label), shares[key]) for key, label in RATES.items()]


def _quality(counts: Mapping[str, int]) -> list[str]:
    invoices, found = counts["total_invoices"], counts["incident_count"]
    if not invoices:
        return []
    text = ngettext(
        "%(invoices)s invoices were checked, %(count)s did not match.",
        "%(invoices)s invoices were checked, %(count)s did not match.",
        found,
    )
    return [text % {"invoices": number(invoices), "count": number(found)}]


def _ran(body: Mapping[str, Any]) -> list[str]:
    well = ran_well(body)
    if well is None:
        return [_("How it ran was not measured.")]
    if well:
        return [_("The system ran well.")]
    said = []
    failed, count = body["errors"]["total_5xx"], body["requests"]["count"]
    if failed:
        text = ngettext(
            "%(failed)s of %(count)s requests failed on our side.",
            "%(failed)s of %(count)s requests failed on our side.",
            failed,
        )
        said.append(text % {"failed": number(failed), "count": number(count)})
    if body["queue"]["stuck_detected"]:
        said.append(_("The queue stood still for a while."))
    if body["missing"]:
        said.append(_("Could not be counted: %(parts)s.") % {"parts": ", ".join(body["missing"])})
    return said


def _requests(body: Mapping[str, Any]) -> list[str]:
    count, p95 = body["requests"]["count"], body["latency"]["request_ms"]["p95"]
    if not count or p95 is None:
        return []
    text = ngettext(
        "%(count)s request was answered, within %(ms)s ms.",
        "%(count)s requests were answered, 95 of 100 within %(ms)s ms.",
        count,
    )
    return [text % {"count": number(count), "ms": number(p95)}]
