"""When an incident was reported last, in whichever tenant: a time in public, and nothing of what it says."""

from collections.abc import Sequence
from functools import partial

from django.db import transaction

from observability.models import Pulse
from observability.services import Recorder
from tenancy.transactions import Emitted

INCIDENT = "incident"
_REPORTED = "incident.reported"
_record = Recorder(INCIDENT)


def note_reports(emitted: Sequence[Emitted]) -> None:
    """Record the pulse `incident` once a transaction that reported one is committed (a route of `transactions`)."""
    reported = [item.event.at for item in emitted if item.event.verb == _REPORTED]
    if reported:
        transaction.on_commit(partial(_record, now=max(reported)))


def last_activity() -> dict[str, object]:
    """What fills the section of /health/ready; a few seconds behind."""
    pulse = Pulse.objects.filter(name=INCIDENT).first()
    return {"last_incident_at": pulse.at.isoformat(timespec="milliseconds") if pulse else None}
