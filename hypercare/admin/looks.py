"""How incidents and change requests look: severities, lengths of time, clocks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from hypercare.models import Incident
from hypercare.rules import ClockState
from hypercare.services import clocks
from hypercare.states import ClockKind, ClockPhase, Severity

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
COUNTED_IN_HOURS = timedelta(days=2)  # not tunable: how a length is written


def severity_badge(value: str) -> SafeString:
    """◆ P1 system down: a shape and words before a colour."""
    severity = Severity(value)
    return format_html(
        '<span class="hc-sev hc-{}"><span aria-hidden="true">{}</span> {}</span>',
        severity.value,
        severity.shape,
        severity.label,
    )


def duration(length: timedelta) -> str:
    """48 min, 7 h 20 min, 3 d 4 h: the two largest units, rounded down; <1 min for what is less."""
    length = abs(length)
    if length < MINUTE:
        return gettext("<1 min")
    minutes = length // MINUTE % 60
    if length < HOUR:
        return gettext("%(m)d min") % {"m": minutes}
    days, hours = divmod(length // HOUR, 24)
    if length < COUNTED_IN_HOURS:
        hours += 24 * days
        whole = gettext("%(h)d h") % {"h": hours}
        return whole if not minutes else gettext("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    whole = gettext("%(d)d d") % {"d": days}
    return whole if not hours else gettext("%(d)d d %(h)d h") % {"d": days, "h": hours}


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock in words: what is left or late, of how much; a paused one says so."""

    label: Any
    state: ClockState
    zone: ZoneInfo
    """The customer's, in which deadlines are meant."""

    @property
    def is_paused(self) -> bool:
        return self.state.phase is ClockPhase.PAUSED

    @property
    def tone(self) -> str:
        if self.state.breached:
            return "late"
        if self.state.fulfilled_at:
            return "ok"
        return "soon" if self.state.percent >= self.risk else ""

    @property
    def risk(self) -> int:
        """Used share of the target in percent, from which on it is at risk."""
        return max(settings.THRESHOLDS.sla.WARN_PERCENTS)

    @property
    def value(self) -> int:
        """Used share of the target in percent, at most 100, for a meter."""
        return min(100, self.state.percent)

    @property
    def words(self) -> tuple[str, str]:
        """What counts, and of what: ("48 min left", "of 8 h")."""
        late = self.state.remaining < timedelta(0) or self.state.breached
        amount = duration(self.state.remaining)
        target = gettext("of %(target)s") % {"target": duration(self.state.target)}
        if self.state.fulfilled_at and not late:
            return gettext("met in %(time)s") % {"time": duration(self.state.elapsed)}, target
        if self.state.fulfilled_at:
            return gettext("met %(time)s late") % {"time": amount}, target
        text = (gettext("%(time)s late") if late else gettext("%(time)s left")) % {"time": amount}
        return gettext("paused, %(time)s") % {"time": text} if self.is_paused else text, target

    def html(self) -> SafeString:
        what, target = self.words
        tone = f"hc-{self.tone}" if self.tone else ""
        due = gettext("due %(at)s") % {"at": self._due()} if self.state.due_at else gettext("paused")
        return format_html(
            '<span class="hc-clock {}" title="{}"><b>{}</b> {}</span>', tone, due, what, target
        )

    def _due(self) -> str:
        """When it is, or was, due: in the viewer's zone, the customer's if that is another, and UTC."""
        assert self.state.due_at
        here = timezone.get_current_timezone()
        zones = {str(zone): zone for zone in (here, self.zone, UTC)}
        said = (f"{self.state.due_at.astimezone(zone):%Y-%m-%d %H:%M} {name}" for name, zone in zones.items())
        return " · ".join(said)

    def due(self) -> SafeString:
        """When it is, or was, due, as the customer's clock says it; the viewer's and UTC are one step away."""
        at = self.state.due_at
        if at is None:
            return format_html("–")
        return format_html(
            '<time datetime="{}" title="{}">{} {}</time>',
            at.isoformat(),
            self._due(),
            at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M"),
            self.zone,
        )


def clock_view(row: Incident, clock: ClockKind, now: datetime) -> ClockView:
    """What `clock` says at `now`: as `read_clocks` read it with the other rows, else from the incident's events."""
    known: dict[ClockKind, ClockState] | None = getattr(row, "read_clocks", None)
    state = known[clock] if known else clocks.read(row, clock, now)
    return ClockView(clock.label, state, row.project.time_zone)


def read_clocks(rows: Iterable[Incident], now: datetime) -> None:
    """Read the clocks of all `rows` at once, for `clock_view`: one query a clock."""
    rows = list(rows)
    states = {clock: clocks.read_all(rows, clock, now) for clock in ClockKind}
    for row in rows:
        row.read_clocks = {clock: states[clock][row.pk] for clock in ClockKind}  # type: ignore[attr-defined]


def verb_url(row: Model, verb: str) -> str:
    """Where the form of a row's verb is."""
    page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return f"{page.removesuffix('change/')}do/{verb}/"
