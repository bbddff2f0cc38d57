"""Three tenants whose rows have the same codes and numbers, and a canary in every text: what must never be seen."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

import hypercare.services as hypercare
from hypercare.models import ChangeRequest, ClockEvent, Incident, Program, Project, ProjectMember
from hypercare.rules import Target
from tenancy import services
from tenancy.actors import Actor
from tenancy.context import enter, entering, leave
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, Membership, Preference, Tenant, User
from tenancy.sessions import SessionStore
from tenancy.states import Role
from tests import factories

SYSTEM = Actor.system("walker")


@dataclass
class Part:
    """What one tenant holds: ids by the names that URL patterns give them, per project."""

    tenant: Tenant
    people: dict[str, User] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)
    hidden_rows: dict[str, Any] = field(default_factory=dict)


def canary(tenant: Tenant, which: str) -> str:
    """A text that names its tenant and project; `which` ends in -internal where customers are not to see it."""
    return f"canary-{tenant.slug}-{which}"


def build(tenant: Tenant) -> Part:
    now = timezone.now()
    part = Part(tenant)
    for role in ("customer", "agent", "manager", "admin"):
        name = canary(tenant, f"shown person {role}")
        part.people[role] = factories.member(tenant, role, name=name, email=f"{role}@{tenant.slug}.example")
    part.people["outsider"] = factories.member(
        tenant, "agent", name=canary(tenant, "shown person outsider"), email=f"outsider@{tenant.slug}.example"
    )
    with entering(tenant):
        endpoint, delivery = _told_outside(tenant, now)
        program = hypercare.create_program(
            code="ATLAS", name=canary(tenant, "shown program"), by=SYSTEM, now=now
        )
        for which, code in (("shown", "ATLAS"), ("hidden", "BORA")):
            project = hypercare.create_project(
                program=program, code=code, name=canary(tenant, f"{which} project"), by=SYSTEM, now=now
            )
            for role, person in part.people.items():
                if (role == "outsider") == (which == "hidden"):
                    member = hypercare.add_member(
                        project=project,
                        user_id=person.pk,
                        is_board_member=role not in ("customer", "agent"),
                        by=SYSTEM,
                        now=now,
                    )
            incident = hypercare.report_incident(
                project=project,
                title=canary(tenant, f"{which} incident"),
                description=canary(tenant, f"{which} description"),
                severity="P1",
                by=SYSTEM,
                now=now - timedelta(hours=5),
            )
            Incident.objects.filter(pk=incident.pk).update(number=1000 + (which == "hidden"))
            ids = {"project": project.pk, "program": program.pk, "incident": incident.pk, "member": member.pk}
            ids["scope"] = project.pk
            cast = _Cast(part, which)
            ids |= _hours(cast, project, now)
            change = _changes(cast, project, incident, now)
            ids["change"] = change.pk
            _worked_on(cast, project, incident, now)
            who = part.people["admin" if which == "shown" else "outsider"]
            event = Event.objects.get(verb="incident.reported", subject=f"incident:{incident.pk}")
            clock_event = ClockEvent.objects.filter(incident=incident).first()
            rows = {
                Program: program.pk,
                Project: project.pk,
                ProjectMember: member.pk,
                Incident: incident.pk,
                ChangeRequest: change.pk,
                Event: event.pk,
                ClockEvent: clock_event and clock_event.pk,
                Membership: Membership.objects.get(user=member.user, tenant=tenant).pk,
                Endpoint: endpoint.pk,
                Delivery: delivery.pk,
                Preference: Preference.objects.create(tenant=tenant, user=who, scope=project.pk).pk,
            }
            (part.shown if which == "shown" else part.hidden).update(ids)
            (part.rows if which == "shown" else part.hidden_rows).update(
                {model._meta.label_lower: str(pk) for model, pk in rows.items()}
            )
    return part


@dataclass
class _Cast:
    """Who does things in one of a tenant's two projects. The hidden one has but the outsider."""

    part: Part
    which: str

    def canary(self, what: str) -> str:
        return canary(self.part.tenant, f"{self.which}{what}")

    @property
    def customer(self) -> Actor:
        return self._actor("customer") if self.which == "shown" else SYSTEM

    @property
    def agent(self) -> Actor:
        return self._actor("agent" if self.which == "shown" else "outsider")

    @property
    def board(self) -> Actor:
        return self._actor("manager" if self.which == "shown" else "outsider")

    def _actor(self, name: str) -> Actor:
        role = Role.AGENT if name == "outsider" else Role(name)
        return Actor.member(self.part.people[name].pk, role)


def _hours(cast: _Cast, project: Project, now: datetime) -> dict[str, Any]:
    """A calendar, and a policy on it that has not begun, so that it may be taken back."""
    calendar = hypercare.create_calendar(
        project=project,
        name=cast.canary(" calendar"),
        definition={"time_zone": "Europe/Istanbul", "weekly": {"monday": [["09:00", "18:00"]]}},
        by=SYSTEM,
        now=now,
    ).calendar
    policy = hypercare.create_policy(
        project=project,
        targets={"P4": Target(1440, 4320, calendar.pk)},
        valid_from=now + timedelta(days=1),
        by=SYSTEM,
        now=now,
    )
    return {"calendar": calendar.pk, "policy": policy.pk}


def _changes(cast: _Cast, project: Project, incident: Incident, now: datetime) -> ChangeRequest:
    """One of the customer's that the board rejected, which is returned; and one of ours, which no customer sees."""
    texts = ("title", "description", "impact_assessment", "rollback_plan", "test_evidence")
    asked = hypercare.draft_change(
        project=project,
        change_type="config",
        by=cast.customer,
        now=now,
        **{text: cast.canary(f" change {text}") for text in texts},
    )
    hypercare.submit_change(change=asked, by=cast.agent, now=now)
    asked = hypercare.reject_change(change=asked, reason=cast.canary(" rejection"), by=cast.board, now=now)
    ours = hypercare.draft_change(
        project=project,
        incident_id=incident.pk,
        change_type="data",
        by=SYSTEM,
        now=now,
        **{text: cast.canary(f"-internal change {text}") for text in texts},
    )
    hypercare.submit_change(change=ours, by=cast.agent, now=now)
    hypercare.approve_change(change=ours, by=cast.board, now=now)
    return asked


def _worked_on(cast: _Cast, project: Project, incident: Incident, now: datetime) -> None:
    """Comments on `incident`; a backlog item; and an incident that was reopened, so its cause is open again."""
    for author in (cast.customer, cast.agent):
        if author.user_id:
            hypercare.add_comment(incident=incident, content=cast.canary(" comment"), by=author, now=now)
    note = cast.canary("-internal comment")
    hypercare.add_comment(incident=incident, content=note, is_internal=True, by=cast.agent, now=now)
    item = hypercare.create_backlog_item(
        project=project, kind="I", key="I-001", title=cast.canary("-internal item"), by=cast.agent, now=now
    )
    hypercare.change_incident(
        incident=incident, title=cast.canary(" retitled"), backlog_item_id=item.pk, by=cast.agent, now=now
    )
    who = cast.agent.user_id
    assert who
    hypercare.wait(incident=incident, reason=cast.canary(" waiting"), owner_id=who, by=cast.agent, now=now)
    other = hypercare.report_incident(
        project=project, title=cast.canary(" reopened"), by=cast.customer, now=now
    )
    hypercare.resolve(
        incident=other,
        root_cause=cast.canary("-internal cause"),
        resolution_notes=cast.canary("-internal notes"),
        by=cast.agent,
        now=now,
    )
    hypercare.reopen(incident=other, reason=cast.canary(" reopening"), by=cast.agent, now=now)


def _told_outside(tenant: Tenant, now: datetime) -> tuple[Endpoint, Delivery]:
    """An endpoint, and one message to it that is dead. Both are the tenant's, whatever the project."""
    endpoint, _secret = services.create_endpoint(
        tenant=tenant,
        channel="webhook",
        name=canary(tenant, "shown endpoint"),
        address=f"https://{canary(tenant, 'shown')}.example.com/hook",
        verbs=["incident.breached"],
        language="en",
        time_zone="UTC",
        by=SYSTEM,
        now=now,
    )
    delivery = Delivery.objects.create(
        tenant=tenant,
        event=uuid4(),
        message="incident.breached",
        subject="incident:1",
        recipient=f"endpoint:{endpoint.pk}",
        channel="webhook",
        dedupe_key="walk",
        state="dead",
        last_error=canary(tenant, "shown error"),
        next_try_at=now,
        created_at=now,
        dead_at=now,
    )
    return endpoint, delivery


def session_cookie(tenant: Tenant, user: User) -> str:
    """Sign `user` in on the tenant's host as the sign-in page does, and return the cookie."""
    enter(tenant)
    try:
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.save()
        return str(store.session_key)
    finally:
        leave()


def grants(tenant: Tenant) -> dict[str, User]:
    """One of us for each way to stand to a tenant."""
    now = timezone.now()
    people = {
        name: factories.UserFactory(staff_role="support")
        for name in ("no grant", "read grant", "write grant")
    }
    people["expired grant"] = factories.UserFactory(staff_role="support")
    people["superuser"] = factories.UserFactory(staff_role="platform")
    for name, writes in (("read grant", False), ("write grant", True)):
        services.open_grant(
            user=people[name],
            tenant=tenant,
            reason="walk",
            ticket="OPS-1",
            minutes=30,
            writes=writes,
            by=SYSTEM,
            now=now,
        )
    services.open_grant(
        user=people["expired grant"],
        tenant=tenant,
        reason="walk",
        ticket="OPS-2",
        minutes=30,
        writes=True,
        by=SYSTEM,
        now=now - timedelta(hours=2),
    )
    return people
