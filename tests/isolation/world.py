"""Three tenants whose rows have the same codes and numbers, and a canary in every text: what must never be seen."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

import hypercare.services as hypercare
from hypercare.models import (
    BacklogItem,
    Calendar,
    ChangeRequest,
    ClockEvent,
    Incident,
    Policy,
    Program,
    Project,
    ProjectMember,
    SavedView,
)
from hypercare.rules import Target
from observability.models import Alert, RunSummary, Silence
from observability.rules.periods import Period
from observability.services import record, summarise
from tenancy import hosts, services
from tenancy.actors import Actor
from tenancy.context import enter, entering, leave, request_id
from tenancy.journal.models import Event, IdempotencyRecord
from tenancy.models import Deadline, Delivery, Endpoint, Membership, Preference, SpareSchema, Tenant, User
from tenancy.sessions import RECORDS, Client, SessionStore
from tenancy.states import Role
from tenancy.web.admin import tenant_site
from tests import factories
from tests.isolation.canaries import by_project, canary, plant, rows_of
from tests.observability.alarms import judged, staff

SYSTEM = Actor.system("walker")
SAME_KEY = "walker-0001"
RECORDS_OF = "account_authentication_methods_user"  # whose RECORDS are in a session: allauth's name
ROLES = ("customer", "agent", "manager", "admin")
# The same person in all three, so with the same email and the same password.
SHARED = {"acme": "agent", "globex": "admin", "pilot": "customer"}


@dataclass
class Part:
    """What one tenant holds: ids by the names that URL patterns give them, per project."""

    tenant: Tenant
    people: dict[str, User] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    hidden_rows: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return factories.host_of(self.tenant)


def build(tenants: dict[str, Tenant]) -> dict[str, Part]:
    """All of them, the same in each but for the canaries."""
    shared = factories.UserFactory(email="shared@everywhere.example", name="Shared Person")
    parts = {slug: _fill(tenants[slug], shared, role) for slug, role in SHARED.items()}
    alone = factories.UserFactory(email="alone@nowhere.example", name="Nobody's")
    factories.second_factor(alone)
    AccessAttempt.objects.create(username=alone.email, ip_address="192.0.2.1", failures_since_start=5)
    gone = factories.UserFactory(email="gone@nowhere.example", name="Gone")
    services.deactivate_user(user=gone, reason="walk", by=SYSTEM, now=timezone.now())
    parts["acme"].shown |= {"user alone": alone.pk, "user gone": gone.pk}
    return parts


def _fill(tenant: Tenant, shared: User, shared_role: str) -> Part:
    now = timezone.now()
    Tenant.objects.filter(pk=tenant.pk).update(name=canary(tenant, "name"))
    tenant.refresh_from_db()
    hosts.clear()
    part = Part(tenant)
    for role in ROLES:
        name = canary(tenant, f"person {role}")
        part.people[role] = factories.member(tenant, role, name=name, email=f"{role}@{tenant.slug}.example")
    part.people["outsider"] = factories.member(
        tenant, "agent", name=canary(tenant, "person outsider"), email=f"outsider@{tenant.slug}.example"
    )
    factories.second_factor(part.people["agent"])
    factories.MembershipFactory(user=shared, tenant=tenant, role=shared_role)
    part.shown["membership agent"] = Membership.objects.get(user=part.people["agent"], tenant=tenant).pk
    with entering(tenant):
        endpoint, off, delivery = _told_outside(tenant, now)
        part.shown["endpoint off"] = off.pk
        part.shown |= _waiting(tenant, now)
        part.shown["summary"] = _summed_up(tenant, now)
        part.shown["alert"] = _watched(tenant, now)
        # One without a project, which whoever is at least an agent sees.
        spare = hypercare.create_program(
            code="SPARE", name=canary(tenant, "shown spare program"), by=SYSTEM, now=now
        )
        part.shown["spare program"] = spare.pk
        for which, code in (("shown", "ATLAS"), ("hidden", "BORA")):
            asked = request_id.set(canary(tenant, f"{which}-request"))
            cast = Cast(part, which)
            program = hypercare.create_program(
                code=code, name=cast.canary(" program"), by=cast.system, now=now
            )
            project = hypercare.create_project(
                program=program, code=code, name=cast.canary(" project"), by=cast.system, now=now
            )
            for role, person in {**part.people, "shared": shared}.items():
                if (role == "outsider") == (which == "hidden"):
                    member = hypercare.add_member(
                        project=project,
                        user_id=person.pk,
                        is_board_member=role not in ("customer", "agent"),
                        by=cast.system,
                        now=now,
                    )
            incidents = _incidents(cast, project, now)
            incident = incidents["open"]
            hours = _hours(cast, project, now)
            changes = _changes(cast, project, incident, now)
            change = changes["asked"]
            item = _worked_on(cast, project, incident, now)
            who = part.people["admin" if which == "shown" else "outsider"]
            event = Event.objects.get(verb="incident.reported", subject=f"incident:{incident.pk}")
            clock_event = ClockEvent.objects.filter(incident=incident).first()
            assert clock_event
            _repeatable(cast, who, now)
            Preference.objects.create(tenant=tenant, user=who)
            spare_project = hypercare.create_project(
                program=program,
                code=f"SPARE-{code}",
                name=cast.canary(" spare project"),
                by=cast.system,
                now=now,
            )
            for role in ("admin", "agent", "manager") if which == "shown" else ("outsider",):
                hypercare.add_member(
                    project=spare_project, user_id=part.people[role].pk, by=cast.system, now=now
                )
            ids = {
                "spare project": spare_project.pk,
                "project": project.pk,
                "scope": project.pk,
                "program": program.pk,
                "incident": incident.pk,
                "member": member.pk,
                "change": change.pk,
                "item": item.pk,
                **hours,
                **{f"incident {state}": row.pk for state, row in incidents.items()},
                **{f"change {state}": row.pk for state, row in changes.items()},
            }
            rows = {
                Program: program.pk,
                Project: project.pk,
                ProjectMember: member.pk,
                Incident: incident.pk,
                ChangeRequest: change.pk,
                BacklogItem: item.pk,
                Policy: hours["policy"],
                Calendar: hours["calendar"],
                Event: event.pk,
                ClockEvent: clock_event.pk,
                Membership: Membership.objects.get(user=who, tenant=tenant).pk,
                User: who.pk,
                Endpoint: endpoint.pk,
                Delivery: delivery.pk,
                SavedView: SavedView.objects.create(
                    owner=who,
                    list="hypercare.incident",
                    name=cast.canary(" view"),
                    query=f"q={cast.canary(' query')}",
                    created_at=now,
                ).pk,
                Preference: Preference.objects.create(tenant=tenant, user=who, scope=project.pk).pk,
            }
            (part.shown if which == "shown" else part.hidden).update(ids)
            (part.rows if which == "shown" else part.hidden_rows).update(
                {model._meta.label_lower: str(pk) for model, pk in rows.items()}
            )
            request_id.reset(asked)
        services.open_grant(
            user=factories.UserFactory(staff_role="support"),
            tenant=tenant,
            reason=canary(tenant, "shared grant"),
            ticket=canary(tenant, "shared"),
            minutes=30,
            writes=False,
            by=SYSTEM,
            now=now,
        )
    services.issue_token(
        user=part.people["admin"],
        tenant=tenant,
        name=canary(tenant, "shared token"),
        days=30,
        by=SYSTEM,
        now=now,
    )
    session_cookie(tenant, part.people["admin"])
    plant(tenant)
    _complete(part)
    return part


def _complete(part: Part) -> None:
    """A row of every list of the console that has none by name."""
    with entering(part.tenant):
        for model in tenant_site._registry:
            for which, rows in by_project(model, rows_of(model, part.tenant)):
                known = part.hidden_rows if which == "hidden" else part.rows
                row = rows.first() if model._meta.label_lower not in known else None
                if row is not None:
                    known[model._meta.label_lower] = str(row.pk)


@dataclass
class Cast:
    """Who does things in one of a tenant's two projects. The hidden one has but the outsider."""

    part: Part
    which: str

    def canary(self, what: str) -> str:
        return canary(self.part.tenant, f"{self.which}{what}")

    @property
    def system(self) -> Actor:
        return Actor.system(self.canary(" system"))

    @property
    def customer(self) -> Actor:
        return self._actor("customer") if self.which == "shown" else self.system

    @property
    def agent(self) -> Actor:
        return self._actor("agent" if self.which == "shown" else "outsider")

    @property
    def board(self) -> Actor:
        return self._actor("manager" if self.which == "shown" else "outsider")

    def _actor(self, name: str) -> Actor:
        role = Role.AGENT if name == "outsider" else Role(name)
        return Actor.member(self.part.people[name].pk, role)


def _incidents(cast: Cast, project: Project, now: datetime) -> dict[str, Incident]:
    """One in every state; the open one is a breached P1 and will be talked of. Numbers are the same everywhere."""
    found = {
        state: hypercare.report_incident(
            project=project,
            title=cast.canary(f" incident {state}"),
            description=cast.canary(" description"),
            severity="P1" if state == "open" else "P3",
            by=cast.system if state == "open" else cast.customer,
            now=now - timedelta(hours=5),
        )
        for state in ("open", "in_progress", "waiting", "resolved", "closed", "unanswered")
    }
    first = 1010 if cast.which == "hidden" else 1000
    for number, incident in enumerate(found.values(), start=first):
        Incident.objects.filter(pk=incident.pk).update(number=number)
        incident.refresh_from_db()
    by, who = cast.agent, cast.agent.user_id
    assert who
    hypercare.respond_first(incident=found["in_progress"], by=by, now=now)
    reason = cast.canary(" waiting")
    hypercare.wait(incident=found["waiting"], reason=reason, owner_id=who, by=by, now=now)
    for done in (found["resolved"], found["closed"]):
        cause, notes = cast.canary(" cause"), cast.canary(" notes")
        hypercare.resolve(incident=done, root_cause=cause, resolution_notes=notes, by=by, now=now)
    hypercare.close(incident=found["closed"], by=by, now=now)
    return found


def _hours(cast: Cast, project: Project, now: datetime) -> dict[str, Any]:
    """A calendar, and a policy on it that has not begun, so that it may be taken back."""
    calendar = hypercare.create_calendar(
        project=project,
        name=cast.canary(" calendar"),
        definition={
            "time_zone": "Europe/Istanbul",
            "weekly": {"monday": [["09:00", "18:00"]]},
            "closed": ["2027-01-04"],
            "names": {"2027-01-04": cast.canary(" day off")},
        },
        by=cast.system,
        now=now,
    ).calendar
    policy = hypercare.create_policy(
        project=project,
        targets={"P4": Target(1440, 4320, calendar.pk)},
        valid_from=now + timedelta(days=1),
        by=cast.system,
        now=now,
    )
    return {"calendar": calendar.pk, "policy": policy.pk}


def _changes(cast: Cast, project: Project, incident: Incident, now: datetime) -> dict[str, ChangeRequest]:
    """One that the customer asked for and the board rejected; and ours in every other state, which no customer
    sees."""
    texts = ("title", "description", "impact_assessment", "rollback_plan", "test_evidence")

    def draft(word: str, by: Actor, **more: Any) -> ChangeRequest:
        given = {text: cast.canary(f"{word} change {text}") for text in texts}
        return hypercare.draft_change(project=project, change_type="config", by=by, now=now, **given, **more)

    asked = draft("", cast.customer)
    hypercare.submit_change(change=asked, by=cast.agent, now=now)
    asked = hypercare.reject_change(change=asked, reason=cast.canary(" rejection"), by=cast.board, now=now)
    steps = {
        "draft": None,
        "pending": (hypercare.submit_change, cast.agent),
        "approved": (hypercare.approve_change, cast.board),
        "started": (hypercare.start_change, cast.agent),
        "implemented": (hypercare.implement_change, cast.agent),
        "closed": (hypercare.close_change, cast.agent),
    }
    found = {"asked": asked}
    for at, state in enumerate(steps):
        ours = draft("-internal", cast.system, **({"incident_id": incident.pk} if state == "pending" else {}))
        for step in [*steps.values()][1 : at + 1]:
            assert step
            ours = step[0](change=ours, by=step[1], now=now)
        found[state] = ours
    return found


def _worked_on(cast: Cast, project: Project, incident: Incident, now: datetime) -> BacklogItem:
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
    return item


def _repeatable(cast: Cast, who: User, now: datetime) -> None:
    """What somebody was answered once, under a key that is the same in every tenant."""
    if cast.which == "shown":
        IdempotencyRecord.objects.create(
            actor=f"member:{who.pk}",
            key=SAME_KEY,
            digest="0" * 64,
            status=201,
            headers={"X-Said": cast.canary(" answer")},
            body=cast.canary(" answer"),
            created_at=now,
        )


def _told_outside(tenant: Tenant, now: datetime) -> tuple[Endpoint, Endpoint, Delivery]:
    """An endpoint, one that is off, and one message that is dead. They are the tenant's, whatever the project."""
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
    off, _secret = services.create_endpoint(
        tenant=tenant,
        channel="webhook",
        name=canary(tenant, "shown endpoint, off"),
        address="https://off.example.com/hook",
        verbs=["incident.breached"],
        language="en",
        time_zone="UTC",
        by=SYSTEM,
        now=now,
    )
    services.disable_endpoint(endpoint=off, reason=canary(tenant, "shown reason"), by=SYSTEM, now=now)
    delivery = Delivery.objects.create(
        tenant=tenant,
        event=uuid4(),
        message="incident.breached",
        subject="incident:1",
        recipient=f"endpoint:{endpoint.pk}",
        channel="webhook",
        dedupe_key="walk",
        state="dead",
        last_error=canary(tenant, "shared error"),
        next_try_at=now,
        created_at=now,
        dead_at=now,
    )
    return endpoint, off, delivery


def _waiting(tenant: Tenant, now: datetime) -> dict[str, Any]:
    """A deadline that is dead, and a message that waits for another try."""
    dead = Deadline.objects.create(
        tenant=tenant,
        kind="incident.response_due",
        subject="incident:1",
        due_at=now,
        wake_at=now,
        last_error=canary(tenant, "shared error"),
        dead_at=now,
    )
    retried = Delivery.objects.create(
        tenant=tenant,
        event=uuid4(),
        message="incident.breached",
        subject="incident:2",
        recipient="user:1",
        channel="email",
        dedupe_key="walk",
        attempts=1,
        last_error=canary(tenant, "shared error"),
        next_try_at=now + timedelta(hours=1),
        created_at=now,
    )
    return {"deadline dead": dead.pk, "delivery retried": retried.pk}


def _summed_up(tenant: Tenant, now: datetime) -> int:
    """A run summary of the day before."""
    period = Period(now - timedelta(days=2), now - timedelta(days=1))
    row = summarise(tenant=tenant, period=period, by=SYSTEM, now=now)
    RunSummary.objects.filter(pk=row.pk).update(body=row.body | {"build_id": canary(tenant, "shared build")})
    return row.pk


def _watched(tenant: Tenant, now: datetime) -> int:
    """An alert that nobody has taken, and a silence."""
    record(judged=[judged(tenant, "breach", now)], now=now)
    Silence.objects.create(
        rule="request_latency",
        tenant=tenant,
        reason=canary(tenant, "shared silence"),
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        created_by=factories.UserFactory(staff_role="release"),
    )
    return Alert.objects.get(tenant=tenant).pk


def session_cookie(tenant: Tenant, user: User, *, second_factor: bool = True) -> str:
    """Sign `user` in on the tenant's host as the sign-in page does, and return the cookie."""
    enter(tenant)
    try:
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        methods = ["password", "mfa"] if second_factor else ["password"]
        store[RECORDS] = [{"method": method, "at": time.time()} for method in methods]
        store[RECORDS_OF] = str(user.pk)
        store.client = Client(user_agent=canary(tenant, "shared browser"))
        store.save()
        return str(store.session_key)
    finally:
        leave()


def build_public(public: Tenant) -> None:
    """What the public host has of its own: an endpoint, a segment, a flag, a periodic task."""
    now = timezone.now()
    services.create_endpoint(
        tenant=public,
        channel="webhook",
        name="Operations",
        address="https://operations.example.com/hook",
        verbs=["deadline.dead"],
        language="en",
        time_zone="UTC",
        by=SYSTEM,
        now=now,
    )
    services.create_segment(key="walked", name="Walked", by=SYSTEM, now=now)
    staff("infrastructure")
    closed = services.create_tenant(slug="closed", name="Closed", by=SYSTEM, now=now)
    services.suspend_tenant(tenant=closed, reason="walk", by=SYSTEM, now=now)
    SpareSchema.objects.create(name="spare_walked", leaf_hash="0" * 64, created_at=now)
    daily = IntervalSchedule.objects.create(every=1, period="days")
    for name, enabled in (("walked", False), ("walking", True)):
        PeriodicTask.objects.create(name=name, task="tenancy.tasks.sweep", interval=daily, enabled=enabled)
