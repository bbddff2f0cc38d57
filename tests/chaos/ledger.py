"""The books: what was acknowledged, what stands in the database, what the receivers got, and what does not agree."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.utils import timezone

from hypercare.models import Incident
from hypercare.services import clocks
from hypercare.services.alerts import BREACHED
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery
from tenancy.states import DeliveryState
from tenancy.transactions import ref
from tests.chaos.receivers import KEY
from tests.chaos.world import Place, Report

NEVER_TWICE = {"slack"}  # Slack drops no repeats: whoever posts looks first whether the key is there
COLUMNS = ("acknowledged", "rows", "received", "keys", "lost", "doubled", "repeats", "recovery")


@dataclass
class Row:
    """One line of the table.

    `acknowledged` incidents; `rows` of the outbox about them; `received` messages, with so many different `keys`.
    `lost` and `doubled` must be 0: the first counts what should be and is not (an acknowledged incident, its
    journal line, a deadline, a recorded breach, a delivery, a receiver's copy), the second what is there twice
    after a receiver has dropped repeats of a key. `recovery`: seconds until all was told.
    """

    scenario: str
    acknowledged: int = 0
    rows: int = 0
    received: int = 0
    keys: int = 0
    lost: int = 0
    doubled: int = 0
    repeats: int = 0
    recovery: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def outstanding() -> int:
    """Deadlines that are due and deliveries that are neither sent nor given up."""
    waiting = Delivery.objects.filter(state__in=[DeliveryState.PENDING, DeliveryState.LEASED])
    due = Deadline.objects.filter(wake_at__lte=timezone.now(), dead_at__isnull=True)
    return waiting.count() + due.count()


def account(row: Row, reports: Sequence[Report], received: Counter[str]) -> Row:
    """Fill `row` with what became of `reports`, given how often each key was received."""
    row.acknowledged += sum(report.acknowledged for report in reports)
    for place, its in _by_place(reports):
        with entering(place.tenant):
            _account_place(row, place, its, received)
    everything = {known_as(delivery) for delivery in Delivery.objects.all()}
    for key in received.keys() - everything:
        _doubled(row, f"key {key} was received and is no delivery's")
    return row


def known_as(delivery: Delivery) -> str:
    """What a receiver knows it by: as much of its key as a mail's Message-ID carries."""
    return delivery.key[:KEY]


def _by_place(reports: Sequence[Report]) -> Iterable[tuple[Place, list[Report]]]:
    ordered = sorted(reports, key=lambda report: report.place.tenant.pk)
    for _pk, its in groupby(ordered, key=lambda report: report.place.tenant.pk):
        found = list(its)
        yield found[0].place, found


def _account_place(row: Row, place: Place, reports: Sequence[Report], received: Counter[str]) -> None:
    titles = {report.title: report for report in reports}
    incidents: dict[str, list[Incident]] = {title: [] for title in titles}
    for incident in Incident.objects.filter(title__in=titles):
        incidents[incident.title].append(incident)
    there = {ref(incident): titles[title] for title, its in incidents.items() for incident in its}
    for title, its in incidents.items():
        if titles[title].acknowledged and not its:
            _lost(row, f"{title} was acknowledged and does not exist")
        if len(its) > 1:
            _doubled(row, f"{title} exists {len(its)} times")
    events = list(Event.objects.filter(subject__in=there))
    deliveries = list(Delivery.objects.filter(tenant=place.tenant, subject__in=there))
    _check_journal(row, there, events)
    _check_deadlines(row, place, there)
    _check_rows(row, place, events, deliveries)
    _check_receivers(row, deliveries, received)


def _check_journal(row: Row, there: dict[str, Report], events: Sequence[Event]) -> None:
    verbs = Counter((event.subject, event.verb) for event in events)
    breaches = Counter(
        event.subject for event in events if event.verb == BREACHED and event.data["clock"] == "response"
    )
    for subject, report in there.items():
        wanted = 0 if report.planted else 1
        _exactly(
            row, wanted, verbs[subject, "incident.reported"], f"{report.title}: journal lines of its report"
        )
        _exactly(row, int(report.due), breaches[subject], f"{report.title}: breaches recorded")


def _check_deadlines(row: Row, place: Place, there: dict[str, Report]) -> None:
    kinds = clocks.DUE_KINDS.values()
    rows = Deadline.objects.filter(tenant=place.tenant, kind__in=kinds, subject__in=there)
    left = Counter(rows.values_list("subject", flat=True))
    for subject, report in there.items():
        _exactly(row, 1 if report.due else 2, left[subject], f"{report.title}: deadlines")


def _check_rows(row: Row, place: Place, events: Sequence[Event], deliveries: Sequence[Delivery]) -> None:
    """Every person concerned in a breach and every endpoint that subscribes has its delivery."""
    row.rows += len(deliveries)
    queued = Counter((delivery.event, delivery.recipient) for delivery in deliveries)
    for event in events:
        wanted = {f"endpoint:{one.pk}" for one in place.endpoints if {"*", event.verb} & set(one.verbs)}
        wanted |= {f"user:{user}" for user in event.data.get("concerned", [])}
        for recipient in wanted:
            _exactly(
                row,
                1,
                queued[event.id, recipient],
                f"{event.verb} {event.subject} to {recipient}: deliveries",
            )


def _check_receivers(row: Row, deliveries: Sequence[Delivery], received: Counter[str]) -> None:
    for delivery in deliveries:
        copies = received[known_as(delivery)]
        row.received += copies
        row.keys += bool(copies)
        row.repeats += max(0, copies - 1)
        if delivery.state != DeliveryState.SENT:
            _lost(row, f"{delivery} ended {delivery.state}: {delivery.last_error}")
        elif not copies:
            _lost(row, f"{delivery} is sent, and its receiver has none")
        if copies > 1 and delivery.channel in NEVER_TWICE:
            _doubled(row, f"{delivery} was posted {copies} times")


def check_journals(row: Row, places: Sequence[Place]) -> None:
    """Every chain holds. Raises BrokenChain."""
    row.notes["journal lines"] = verify(PUBLIC) + sum(verify(place.tenant.schema_name) for place in places)


def _exactly(row: Row, wanted: int, found: int, what: str) -> None:
    if found < wanted:
        _lost(row, f"{what}: {found}, not {wanted}")
    if found > wanted:
        _doubled(row, f"{what}: {found}, not {wanted}")


def _lost(row: Row, what: str) -> None:
    row.lost += 1
    row.faults.append(f"lost: {what}")


def _doubled(row: Row, what: str) -> None:
    row.doubled += 1
    row.faults.append(f"doubled: {what}")


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [f"| scenario | {' | '.join(COLUMNS)} | notes |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in rows:
        cells = [_cell(getattr(row, column)) for column in COLUMNS]
        notes = ", ".join(f"{name} {_cell(value)}" for name, value in row.notes.items())
        lines.append(f"| {row.scenario} | {' | '.join(cells)} | {notes} |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
