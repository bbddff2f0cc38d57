"""An alert becomes something that people work on in its tenant: what that is, a higher app says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from observability.models import Alert
from observability.services.alerts import again, journal_alert
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.models import User
from tenancy.permissions import require
from tenancy.services import guards, scopes_for
from tenancy.states import ActorKind
from tenancy.transactions import atomic

LONGEST_TITLE = 200  # not tunable: characters, what a title of an incident holds
RAISED = "alert.incident_raised"


@dataclass(frozen=True, slots=True)
class Raised:
    """What an alert was turned into: `subject` as journals name it, and what people call it."""

    subject: str
    name: str


class Raiser(Protocol):
    """How incidents are raised; `report` is called inside the alert's tenant."""

    severities: Sequence[tuple[str, Any]]

    def severity_for(self, alert: Alert) -> str:
        """Which of `severities` is offered for `alert`."""
        ...

    def report(
        self, *, alert: Alert, project: UUID, title: str, severity: str, by: Actor, now: datetime
    ) -> Raised:
        """Raises Refusal."""
        ...

    def page(self, subject: str, base_url: str) -> str:
        """Where people of the tenant read `subject`. Asks the database nothing."""
        ...


_raisers: list[Raiser] = []


def register_raiser(raiser: Raiser) -> None:
    """Say how an alert becomes an incident; for AppConfig.ready(). Raises ValueError on a second one."""
    if _raisers:
        raise ValueError("alerts become incidents in one way")
    _raisers.append(raiser)


def raiser() -> Raiser:
    """Raises LookupError while nobody registered one."""
    if not _raisers:
        raise LookupError("nobody knows how an alert becomes an incident")
    return _raisers[0]


def raises_as(alert: Alert, *, by: Actor, now: datetime) -> Actor:
    """Who `by` is in the tenant of `alert` for raising an incident there: one of us by their live write grant.

    Raises Conflict for an alert of the platform, NotFound in another tenant, NotAllowed without the grant.
    """
    if alert.tenant.schema_name == PUBLIC:
        raise Conflict(
            _("This alert is of no tenant, so no tenant has an incident of it."), state=alert.state
        )
    guards.within_reach(by, alert.tenant)
    actor: Actor | Denied = by
    if by.kind == ActorKind.STAFF and by.user_id is not None:
        actor = resolve(User.objects.get(pk=by.user_id), alert.tenant, now=now)
    if isinstance(actor, Denied) or actor.read_only:
        raise NotAllowed(
            _("You need a support grant that writes, for the tenant of this alert."), code="no_grant"
        )
    require(actor, "alert.raise_incident")
    return actor


def projects_for(alert: Alert, *, by: Actor, now: datetime) -> list[tuple[str, str]]:
    """The projects in which `by` may raise an incident of `alert`, by key and name. Raises what `raises_as` does."""
    actor = raises_as(alert, by=by, now=now)
    with entering(alert.tenant):
        return [(str(scope), name) for scope, name in scopes_for(actor).items()]


def raise_incident(
    *, alert: Alert, project: UUID, title: str, severity: str, by: Actor, now: datetime
) -> tuple[Alert, Raised]:
    """Turn `alert` into an incident of one of its tenant's projects; each then names the other.

    Raises what `raises_as` does, Invalid by field, Conflict when it was turned into one already.
    """
    actor = raises_as(alert, by=by, now=now)
    how = raiser()
    title = guards.text(title, "title", longest=LONGEST_TITLE)
    guards.choice(severity, "severity", [name for name, _label in how.severities])
    with atomic():
        row = Alert.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=alert.pk)
        if row.incident:
            raise Conflict(
                _("This alert was turned into an incident already."), state=row.state, code="raised"
            )
        with entering(row.tenant):
            if project not in scopes_for(actor):
                why = _("Choose a project of the tenant.")
                raise Invalid(_("There is no such project."), fields={"project": [why]})
            raised = how.report(alert=row, project=project, title=title, severity=severity, by=actor, now=now)
        Alert.objects.filter(pk=row.pk).update(incident=raised.subject)
        journal_alert(RAISED, row, by=by, now=now, more={"incident": raised.subject, "name": raised.name})
    return again(alert), raised
