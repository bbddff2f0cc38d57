"""What happened to an incident or a change request, in words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.admin.looks import duration
from hypercare.models import BacklogItem, ChangeRequest
from hypercare.states import (
    ChangeState,
    ChangeType,
    ClockKind,
    IncidentState,
    IncidentType,
    RootCauseCategory,
    Severity,
    Source,
    Vote,
)
from tenancy.actors import Actor
from tenancy.journal.models import Event
from tenancy.models import User
from tenancy.states import ActorKind

WORDS = {
    "incident.reported": _("reported it"),
    "incident.first_response": _("gave the first response"),
    "incident.assigned": _("assigned it"),
    "incident.escalated": _("escalated it"),
    "incident.changed": _("changed it"),
    "incident.cause_changed": _("wrote down the root cause"),
    "incident.commented": _("commented"),
    "incident.noted": _("commented internally"),
    "incident.waiting": _("waits for an answer"),
    "incident.resumed": _("went on with it"),
    "incident.resolved": _("resolved it"),
    "incident.closed": _("closed it"),
    "incident.reopened": _("reopened it"),
    "incident.warned": _("warned of a deadline"),
    "incident.breached": _("recorded a breach"),
    "change.drafted": _("drafted the request"),
    "change.changed": _("changed the request"),
    "change.submitted": _("put the request before the board"),
    "change.voted": _("voted"),
    "change.voided": _("made the votes void by a change"),
    "change.approved": _("approved the request"),
    "change.rejected": _("rejected the request"),
    "change.redrafted": _("made the request a draft again"),
    "change.started": _("started the work"),
    "change.implemented": _("implemented the change"),
    "change.closed": _("closed the request"),
}


TONES = {"incident.breached": "late", "incident.warned": "soon"}
"""The events that a clock brings about, and how they look."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the timeline, for people."""

    at: datetime
    who: str
    what: Any
    facts: str
    tone: str = ""
    text: str = ""


FACTS = {
    "severity": _("severity"),
    "source": _("source"),
    "state": _("state"),
    "clock": _("clock"),
    "target_minutes": _("target"),
    "elapsed_minutes": _("elapsed"),
    "due_at": _("due at"),
    "root_cause_category": _("root cause category"),
    "assigned_to": _("assigned to"),
    "support_level": _("support level"),
    "incident_type": _("type"),
    "affected_module": _("module"),
    "affected_users_count": _("affected users"),
    "linked_backlog_item_id": _("backlog item"),
    "change_request_id": _("change request"),
    "texts": _("texts"),
    "owner": _("who has to answer"),
    "count": _("times reopened"),
    "percent": _("percent"),
    "change_type": _("type"),
    "vote": _("vote"),
    "approvals": _("approvals"),
    "quorum": _("needed"),
    "voters": _("voters"),
    "planned_implementation_date": _("planned for"),
    "actual_implementation_date": _("implemented on"),
    "told": _("told"),
    "concerned": _("concerned"),
}
CHOICES: dict[str, dict[str, Any]] = {
    "severity": dict(Severity.choices),
    "source": dict(Source.choices),
    "state": {**dict(IncidentState.choices), **dict(ChangeState.choices)},
    "clock": dict(ClockKind.choices),
    "incident_type": dict(IncidentType.choices),
    "root_cause_category": dict(RootCauseCategory.choices),
    "change_type": dict(ChangeType.choices),
    "vote": dict(Vote.choices),
    "texts": {
        "title": _("title"),
        "description": _("description"),
        "root_cause": _("root cause"),
        "resolution_notes": _("what was done"),
        "impact_assessment": _("impact assessment"),
        "rollback_plan": _("rollback plan"),
        "test_evidence": _("test evidence"),
    },
}
PEOPLE = ("assigned_to", "owner", "told", "concerned", "voters")
ROWS = ("linked_backlog_item_id", "change_request_id")
LISTS = ("told", "concerned", "voters", "texts")

Names = Mapping[Any, str]
"""What people and rows are called, by their keys."""


def _facts(data: Mapping[str, Any], names: Names) -> Iterator[str]:
    """What an event says besides its verb, in words; a pair is from and to."""
    told = dict(data)
    if "from" in told:
        told["state"] = [told["from"], told.get("to")]
    for key, label in FACTS.items():
        values = told.get(key)
        items = _items(values)
        if any(items):
            words = [_in_words(key, item, names) for item in items]
            yield f"{label}: {(', ' if key in LISTS else ' → ').join(words)}"


def _items(values: Any) -> list[Any]:
    """What stands under a name of an event's data: before and after, several, or one."""
    return values if isinstance(values, list) else [values]


def _in_words(key: str, value: Any, names: Names) -> str:
    if value in ("", None):
        return "–"
    if key in PEOPLE:
        return names.get(value, f"#{value}")
    if key in ROWS:
        return names.get(value, "–")
    if key in FORMS:
        return FORMS[key](value)
    return str(CHOICES.get(key, {}).get(value, value))


def _minutes(value: int) -> str:
    return duration(timedelta(minutes=value))


def _moment(value: str) -> str:
    return timezone.localtime(datetime.fromisoformat(value)).strftime("%Y-%m-%d %H:%M")


FORMS: dict[str, Callable[[Any], str]] = {
    "due_at": _moment,
    "target_minutes": _minutes,
    "elapsed_minutes": _minutes,
    "percent": "{} %".format,
}


def story_of(events: list[Event], *, by: Actor) -> list[Line]:
    """`events`, which `by` may see, in words, with what people wrote except comments: they stand by themselves."""
    texts = services.texts_of(events, by=by)
    names = _names(events)
    return [_line(event, names, texts.get(event.pk, {})) for event in events]


def _names(events: list[Event]) -> Names:
    people = {event.actor_id for event in events if event.actor_id}
    people |= {who for event in events for key in PEOPLE for who in _items(event.data.get(key)) if who}
    names: dict[Any, str] = dict(User.objects.filter(pk__in=people).values_list("pk", "name"))
    rows = {key: {pk for event in events for pk in _items(event.data.get(key)) if pk} for key in ROWS}
    items = BacklogItem.objects.filter(pk__in=rows["linked_backlog_item_id"])
    changes = ChangeRequest.objects.filter(pk__in=rows["change_request_id"])
    return names | {str(item.pk): item.key for item in items} | {str(row.pk): row.key for row in changes}


def _line(event: Event, names: Names, texts: Mapping[str, Any]) -> Line:
    # Whoever moved an incident past a mark did not warn anybody: the clock did.
    person = None if event.verb in TONES else event.actor_id
    who = names.get(person, f"#{person}") if person else gettext("the system")
    if person and event.actor_kind == ActorKind.SUPPORT:
        who = f"{who} ({event.get_actor_kind_display()})"
    facts = ", ".join(_facts(event.data, names))
    what, tone = WORDS.get(event.verb, event.verb), TONES.get(event.verb, "")
    return Line(event.at, who, what, facts, tone, texts.get("reason", ""))
