"""Plays the demo's history through the services, in the order of its time, and has its mails sent.

Everything is one transaction, so the demo is there whole or not at all. Tests and `manage.py demo` call `seed`;
`post` needs a mail server. The same `now` gives the same history (ids and secrets aside).
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

from django.conf import settings

from hypercare import services as hypercare
from hypercare.models import BacklogItem, ChangeRequest, Incident, Project
from hypercare.states import ClockKind, RootCauseCategory, Source, SupportLevel
from observability.metrics import source_of
from observability.models import Alert, Duty
from observability.rules.verdicts import judge, rule_of
from observability.services import (
    Judged,
    acknowledge,
    note_level,
    plan_summaries,
    put_on_duty,
    record,
    store_requests,
)
from project.demo import data, talk, traffic
from project.demo.cases import Case
from project.demo.data import Look, Member, OpenCase, Person, ProjectPlan, Switch, TenantPlan
from project.demo.talk import Again, Change, Say
from tenancy import deadlines, deliveries, services
from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.flags import PROJECT_SCOPE
from tenancy.journal.models import Event
from tenancy.models import Deadline, Delivery, Endpoint, Segment, SupportGrant, Tenant, User
from tenancy.states import DeliveryState, Role, Signal, StaffRole, TenantState
from tenancy.transactions import atomic, ref

SYSTEM = Actor.system("demo")
_SEED = 1204
_BEAT = timedelta(seconds=settings.THRESHOLDS.sweep.EVERY_SECONDS)
_DAY = 24 * 60  # minutes
_NIGHT = (21, 7)  # local hours between which only P1 and P2 are worked on
_UNHURRIED = ("P3", "P4")

Step = Callable[[datetime], object]
Deed = Callable[[datetime], Incident]
_CHANGE_VERBS: dict[str, Callable[..., ChangeRequest]] = {
    talk.SUBMIT: hypercare.submit_change,
    talk.APPROVE: hypercare.approve_change,
    talk.REJECT: hypercare.reject_change,
    talk.START: hypercare.start_change,
    talk.IMPLEMENT: hypercare.implement_change,
    talk.CLOSE: hypercare.close_change,
}


def seed(*, now: datetime, plans: Sequence[TenantPlan] = data.TENANTS) -> int:
    """Make the demo's tenants as if they had worked until `now`, and return how many incidents they had.

    All or nothing. Raises what a service raises; Conflict when one of the tenants is there already.
    """
    with atomic():
        return _Seeding(plans, now).play()


def connect(address: str, *, now: datetime, slug: str = data.TENANTS[0].slug) -> None:
    """Let a tenant's service desk hear of every event at `address`, wherever it was before; and the operators' chats
    and pager of their alerts, where settings say that Slack is."""
    _connect_operators(now)
    tenant = Tenant.objects.filter(slug=slug, state=TenantState.ACTIVE).first()
    if tenant is None:
        return
    given = {
        "name": "Service desk",
        "address": address,
        "verbs": ["*"],
        "language": tenant.language,
        "time_zone": str(tenant.time_zone),
        "by": SYSTEM,
        "now": now,
    }
    with entering(tenant):
        there = Endpoint.objects.filter(tenant=tenant, name=given["name"]).first()
        if there is None:
            services.create_endpoint(tenant=tenant, channel="webhook", **given)
        else:
            services.change_endpoint(endpoint=there, scope=there.scope, **given)


def _connect_operators(now: datetime) -> None:
    public = Tenant.objects.get(schema_name=PUBLIC)
    hooks = f"{settings.SLACK_HOOKS_URL.rstrip('/')}/services/T0DEMO/B0DEMO"
    wanted = [(name, services.SLACK_WEBHOOK, f"{hooks}/{name}") for name in data.CHATS]
    for name, channel, secret in [*wanted, (data.PAGER[0], services.PAGERDUTY, data.PAGER[1])]:
        there = Endpoint.objects.filter(tenant=public, name=name).first()
        if there is None:
            services.create_endpoint(
                tenant=public,
                channel=channel,
                name=name,
                secret=secret,
                verbs=services.events_of(channel, public),
                language="en",
                time_zone=data.STAFF[0].time_zone,
                by=SYSTEM,
                now=now,
            )
        elif there.channel == channel and there.secret != secret:
            services.rotate_secret(endpoint=there, secret=secret, by=SYSTEM, now=now)


def post(*, now: datetime, plans: Sequence[TenantPlan] = data.TENANTS) -> int:
    """Send the mails of the history as they would have been sent, seconds after what they tell; returns how many.

    Those about breaches, and of the rest what is news: three weeks of it take longer than the history itself.
    What the mail server does not take stays pending, and the worker tries it again.
    """
    tenants = Tenant.objects.filter(slug__in=[plan.slug for plan in plans])
    public = Tenant.objects.get(schema_name=PUBLIC)
    for tenant in tenants:
        with entering(tenant):
            _forget_notices(tenant, now)
            _forget_what_is_over(tenant, now)
    _forget_notices(public, now)
    waiting = Delivery.objects.filter(
        state=DeliveryState.PENDING, tenant__in=[*tenants, public], created_at__lte=now
    )
    sent = 0
    for moment in waiting.order_by("created_at").values_list("created_at", flat=True).distinct():
        sent_at = moment + timedelta(seconds=2)
        sent += deliveries.dispatch(clock=partial(_same, sent_at)).sent
    return sent


def _forget_notices(tenant: Tenant, now: datetime) -> None:
    """Take from the queue the notices that are no news."""
    pending = Delivery.objects.filter(tenant=tenant, state=DeliveryState.PENDING)
    notices = pending.exclude(message__in=["incident.breached", "incident.warned"])
    notices.filter(created_at__lt=now - data.NEWS).delete()


def _forget_what_is_over(tenant: Tenant, now: datetime) -> None:
    """Take from the queue what asks for something that is done by now."""
    pending = Delivery.objects.filter(tenant=tenant, state=DeliveryState.PENDING)
    warnings = pending.filter(message="incident.warned")
    events = Event.objects.in_bulk(warnings.values_list("event", flat=True))
    incidents = {ref(row): row for row in Incident.objects.open()}
    over = [
        row.pk
        for row in warnings
        if not _warns_still(incidents.get(row.subject), events[row.event].data, now)
    ]
    for row in pending.filter(message="change.submitted"):
        waiting = ChangeRequest.objects.filter(hypercare.waits_for_vote_of(int(row.recipient.split(":")[1])))
        if row.subject not in {ref(change) for change in waiting}:
            over.append(row.pk)
    Delivery.objects.filter(pk__in=over).delete()


def _warns_still(incident: Incident | None, warning: Mapping[str, Any], now: datetime) -> bool:
    """Whether the clock still runs in the cycle that was warned of."""
    if incident is None:
        return False
    clock = ClockKind(warning["clock"])
    fulfilled, warned = incident.fulfilled_at(clock), getattr(incident, f"sla_{clock}_warned")
    return not fulfilled and not incident.is_breached(clock, now) and warning["percent"] == warned


def _same(moment: datetime) -> datetime:
    return moment


@dataclass
class _Place:
    """A tenant while it is played."""

    plan: TenantPlan
    tenant: Tenant
    projects: dict[str, Project] = field(default_factory=dict)
    built: dict[str, BacklogItem] = field(default_factory=dict)
    """The WRICEF object behind an incident, by the incident's title."""
    open: "dict[str, _Story]" = field(default_factory=dict)
    sweep_for: datetime | None = None
    """The deadline for which a sweep is planned."""


@dataclass
class _Story:
    """An incident while it is played. `asker` reports it, unless the monitoring `noticed` it first."""

    place: _Place
    project: Project
    title: str
    noticed: bool
    asker: Member
    agents: list[Member]
    row: Incident | None = None

    def __post_init__(self) -> None:
        self.first = self.solver = next(agent for agent in self.agents if agent.level == SupportLevel.L1)

    @property
    def incident(self) -> Incident:
        assert self.row is not None, f"{self.title} is not reported yet"
        return self.row


class _Seeding:
    def __init__(self, plans: Sequence[TenantPlan], now: datetime):
        self.plans, self.now = plans, now
        self.random = random.Random(_SEED)  # noqa: S311 - the same history each time
        self.users: dict[str, User] = {}
        self.steps: list[tuple[datetime, int, _Place | None, Step]] = []
        self.numbers = count()  # steps of one moment keep their order
        self.setup_at = now - data.FOUNDED

    def play(self) -> int:
        self._people()
        self._duties()
        self._segments()
        for plan in self.plans:
            place = self._found(plan)
            self._plan_history(place)
            self._plan_open(place)
            self._plan_changes(place)
            self._plan_operations(place)
            self._plan_trespass(place)
            store_requests(list(traffic.requests(place.tenant, people=len(place.plan.members), now=self.now)))
        for moment, depth in traffic.depths(now=self.now):
            note_level(name="queue_depth", value=depth, now=moment)
        self._plan_roll_out()
        return self._run()

    # ---- who and where, before anything happens -----------------------------------------------------------------

    def _tick(self) -> datetime:
        """The next moment of setting up."""
        self.setup_at += timedelta(seconds=1)
        return self.setup_at

    def _people(self) -> None:
        for person in (*data.STAFF, *data.PEOPLE):
            self.users[person.email] = self._user(person)
        first = self.users[data.STAFF[0].email]
        services.set_password(user=first, password=data.PASSWORD, by=SYSTEM, now=self._tick())
        # Everybody has the same password, printed at every start: hashing it for each costs ten seconds more.
        everybody = [user.pk for user in self.users.values()]
        User.objects.filter(pk__in=everybody).update(password=first.password)

    def _user(self, person: Person) -> User:
        """The person; one of us is still there after a purge of the demo's tenants."""
        return User.objects.filter(email=person.email).first() or services.create_user(
            email=person.email,
            name=person.name,
            password=None,
            language=person.language,
            time_zone=person.time_zone,
            staff_role=person.staff_role,
            invited=False,
            by=SYSTEM,
            now=self._tick(),
        )

    def _duties(self) -> None:
        """Who hears of alerts, and where; what is there already stays."""
        by = self._staff(StaffRole.PLATFORM)
        for owner, person in data.DUTIES:
            user = self.users[person.email]
            if not Duty.objects.filter(owner=owner, user=user).exists():
                put_on_duty(user=user, owner=owner, by=by, now=self._tick())
        _connect_operators(self._tick())

    def _segments(self) -> None:
        there = set(Segment.objects.values_list("key", flat=True))
        for key, name in data.SEGMENTS.items():
            if key not in there:
                services.create_segment(key=key, name=name, by=SYSTEM, now=self._tick())

    def _found(self, plan: TenantPlan) -> _Place:
        tenant = services.create_tenant(
            slug=plan.slug,
            name=plan.name,
            language=plan.language,
            time_zone=plan.time_zone,
            segment=Segment.objects.get(key=plan.segment),
            by=self._staff(StaffRole.PLATFORM),
            now=self._tick(),
        )
        place = _Place(plan, tenant)
        plan_summaries()
        with entering(tenant):
            for member in plan.members:
                user = self.users[member.email]
                services.add_member(tenant=tenant, user=user, role=member.role, by=SYSTEM, now=self._tick())
            self._projects(place)
        return place

    def _projects(self, place: _Place) -> None:
        admin = self._actor(next(member for member in place.plan.members if member.role == Role.ADMIN))
        programs = {}
        for plan in place.plan.projects:
            if plan.program not in programs:
                programs[plan.program] = hypercare.create_program(
                    code=plan.program, name=plan.program_name, by=admin, now=self._tick()
                )
            go_live = None
            if plan.go_live is not None:
                local = (self.now + timedelta(days=plan.go_live)).astimezone(place.tenant.time_zone)
                go_live = local.replace(hour=6, minute=0, second=0, microsecond=0)
            ends = None if plan.ends is None else (self.now + timedelta(days=plan.ends)).date()
            project = hypercare.create_project(
                program=programs[plan.program],
                code=plan.code,
                name=plan.name,
                go_live_at=go_live,
                hypercare_ends_on=ends,
                is_operations=plan is data.OPERATIONS,
                by=admin,
                now=self._tick(),
            )
            place.projects[plan.code] = project
            for member in self._on(place, plan.code):
                if member.role == Role.ADMIN:
                    continue  # who made it is on it
                hypercare.add_member(
                    project=project,
                    user_id=self.users[member.email].pk,
                    support_level=SupportLevel(member.level) if member.level else None,
                    is_board_member=member.board,
                    by=admin,
                    now=self._tick(),
                )
            self._rules(place, plan, admin)

    def _rules(self, place: _Place, plan: ProjectPlan, admin: Actor) -> None:
        """What a project has besides people: its backlog, its quorum, the hours and targets of its clocks."""
        project = place.projects[plan.code]
        for built in plan.backlog:
            agent = next(member for member in self._on(place, plan.code) if member.role == Role.AGENT)
            item = hypercare.create_backlog_item(
                project=project,
                kind=built.kind,
                key=built.key,
                title=built.title,
                by=self._actor(agent),
                now=self._tick(),
            )
            place.built |= dict.fromkeys(built.cases, item)
        if plan.quorum > 1:
            hypercare.set_quorum(project=project, quorum=plan.quorum, by=admin, now=self._tick())
        if plan.hours:
            name, definition = plan.hours.name, plan.hours.definition
            hours = hypercare.create_calendar(
                project=project, name=name, definition=definition, by=admin, now=self._tick()
            )
            targets = plan.hours.targets(hours.calendar_id)
            hypercare.create_policy(project=project, targets=targets, by=admin, now=self._tick())

    @staticmethod
    def _on(place: _Place, code: str) -> list[Member]:
        """Who is on a project; the operations project is not for customers."""
        ours = [member for member in place.plan.members if member.only in ("", code)]
        return [member for member in ours if code != data.OPERATIONS.code or member.role != Role.CUSTOMER]

    def _actor(self, member: Member) -> Actor:
        return Actor.member(self.users[member.email].pk, Role(member.role))

    def _staff(self, role: StaffRole) -> Actor:
        person = next(person for person in data.STAFF if person.staff_role == role)
        return Actor.staff(self.users[person.email].pk, role)

    # ---- what happens when --------------------------------------------------------------------------------------

    def _at(self, moment: datetime, place: _Place | None, step: Step) -> None:
        heappush(self.steps, (moment, next(self.numbers), place, step))

    def _plan_history(self, place: _Place) -> None:
        found = list(place.plan.resolved)
        often = self.random.sample([case for case in found if case.severity in _UNHURRIED], place.plan.again)
        for case in found:
            self._plan_resolved(place, case, talk.RESOLVED.get(case.title, ()), talk.AGAIN.get(case.title))
        for case in often:
            self._plan_resolved(place, case, (), None)

    def _plan_resolved(self, place: _Place, case: Case, said: Sequence[Say], again: Again | None) -> None:
        story = self._story(place, case)
        reported = self._reported(place, case)
        target = settings.THRESHOLDS.sla.for_severity(case.severity)
        answered = self._worked(place, case, reported, target.response * self._share(0.04, 0.45, late=0.06))
        resolved = self._worked(place, case, reported, target.resolution * self._share(0.15, 0.85, late=0.08))
        resolved = max(resolved, answered + timedelta(minutes=self.random.randint(9, 45)))
        latest = self._ago(3 * _DAY if again else 20)
        back = timedelta(days=max(0, math.ceil((resolved - latest) / timedelta(days=1))))
        reported, answered, resolved = reported - back, answered - back, resolved - back
        between = resolved - answered
        levels = [3 if agent is story.first else 2 for agent in story.agents]
        story.solver = self.random.choices(story.agents, levels)[0]
        self._then(reported, story, self._report(story, case))
        self._then(answered, story, self._answer(story))
        self._then(answered + between * 0.1, story, self._assign(story))
        self._plan_link(story, answered + between * 0.12)
        for index, say in enumerate(said, start=2):
            self._then(answered + between * index / (len(said) + 3), story, self._say(story, say))
        self._then(resolved, story, self._resolve(story, case, case.notes))
        self._plan_end(story, case, resolved, again)

    def _plan_end(self, story: _Story, case: Case, resolved: datetime, again: Again | None) -> None:
        """It comes back, if it does; most are closed a day or two after they were resolved."""
        if again:
            reopened = self._awake(story.place, resolved + timedelta(hours=self.random.uniform(16, 30)))
            if not again.notes:
                reopened = self._ago(130)
            self._then(reopened, story, self._reopen(story, again.why))
            if not again.notes:
                return
            resolved = reopened + timedelta(minutes=self.random.randint(70, 240))
            self._then(resolved, story, self._resolve(story, case, again.notes))
        closed = self._awake(story.place, resolved + timedelta(hours=self.random.uniform(20, 50)))
        if closed < self._ago(30) and self.random.random() < 0.85:  # noqa: PLR2004 - some are forgotten
            self._then(closed, story, self._close(story))

    def _plan_open(self, place: _Place) -> None:
        for case, plan in place.plan.open:
            self._plan_still_open(place, case, plan)

    def _plan_still_open(self, place: _Place, case: Case, plan: OpenCase) -> None:
        story = self._story(place, case)
        place.open[case.title] = story
        self._then(self._ago(plan.reported), story, self._report(story, case))
        if plan.answered is not None:
            self._then(self._ago(plan.answered), story, self._answer(story))
            if plan.level:
                story.solver = next(agent for agent in story.agents if agent.level == plan.level)
                self._then(self._ago(plan.answered - 2), story, self._assign(story))
            self._plan_link(story, self._ago(plan.answered - 4))
        for ago, say in talk.OPEN.get(case.title, ()):
            self._then(self._ago(ago), story, self._say(story, say))

    def _plan_link(self, story: _Story, moment: datetime) -> None:
        """Somebody finds the WRICEF object behind it, if there is one."""
        item = story.place.built.get(story.title)
        if item:
            self._then(moment, story, self._link(story, item))

    def _plan_changes(self, place: _Place) -> None:
        for change in place.plan.changes:
            made: list[ChangeRequest] = []
            for deed in change.deeds:
                moment = self._in_the_day(place, self.now - timedelta(days=deed.days))
                by = self._actor(next(member for member in place.plan.members if member.email == deed.who))
                if deed.verb == talk.DRAFT:
                    self._at(moment, place, self._draft(place, change, by, made))
                else:
                    self._at(moment, place, self._move_change(deed, by, made))

    def _plan_operations(self, place: _Place) -> None:
        """What the operators did with this tenant: looked into it, closed it for a while."""
        tenant, look = place.tenant, place.plan.look
        if look:
            opened = self._ago(look.days_ago * _DAY + 200)
            made: list[SupportGrant] = []
            self._at(opened, None, self._open_grant(tenant, look, made))
            if look.minutes is not None:
                self._at(opened + timedelta(minutes=look.minutes), None, self._end_grant(made))
        if place.plan.closed:
            by, closed = self._staff(StaffRole.PLATFORM), self._ago(24 * _DAY)
            suspend = partial(services.suspend_tenant, tenant=tenant, reason=place.plan.closed, by=by)
            resume = partial(services.resume_tenant, tenant=tenant, reason="Moved", by=by)
            self._at(closed, None, lambda now: suspend(now=now))
            self._at(closed + timedelta(minutes=40), None, lambda now: resume(now=now))

    def _plan_trespass(self, place: _Place) -> None:
        """Somebody asks for another project, too often: an alert opens, is taken and recovers."""
        plan, tenant = data.TRESPASS, place.tenant
        if not place.plan.slug.endswith(plan.slug):
            return
        began = self._ago(plan.minutes_ago)
        for seconds in plan.attempts:
            self._at(began + timedelta(seconds=seconds), None, self._trespass(tenant))
        for minute in range(1, plan.looks + 1):
            self._at(began + timedelta(minutes=minute, seconds=5), None, self._look(tenant, plan.rule))
        self._at(began + timedelta(minutes=plan.taken), None, self._take(tenant, plan.rule, plan.note))

    def _plan_roll_out(self) -> None:
        for switch in data.ROLL_OUT:
            self._at(self._ago(switch.days_ago * _DAY + 95), None, self._set_flag(switch))

    # ---- when and how long --------------------------------------------------------------------------------------

    def _ago(self, minutes: int) -> datetime:
        return self.now - timedelta(minutes=minutes)

    def _reported(self, place: _Place, case: Case) -> datetime:
        """Some moment of the last three weeks: most in the days after the go-live, few on weekends and at night."""
        go_live = -(place.plan.projects[0].go_live or 0)
        days = range(data.HISTORY_DAYS - 1, 0, -1)
        local = {day: (self.now - timedelta(days=day)).astimezone(place.tenant.time_zone) for day in days}
        weights = [
            (max(2.0, 9.0 - (go_live - day)) if day <= go_live else 0.8)
            * (0.3 if local[day].weekday() > 4 else 1)  # noqa: PLR2004 - Saturday
            for day in days
        ]
        day = self.random.choices(days, weights)[0]
        awake = case.severity in _UNHURRIED or self.random.random() < 0.7  # noqa: PLR2004 - an outage comes at any hour
        minute = (
            self.random.triangular(7.6 * 60, 18.5 * 60, 10 * 60) if awake else self.random.uniform(0, 1439)
        )
        return local[day].replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(
            minutes=int(minute), seconds=self.random.randint(0, 59)
        )

    def _share(self, low: float, high: float, *, late: float) -> float:
        """How much of a target was used: between low and high, or with the probability `late` too much."""
        return (
            self.random.uniform(1.05, 1.7) if self.random.random() < late else self.random.uniform(low, high)
        )

    def _worked(self, place: _Place, case: Case, reported: datetime, minutes: float) -> datetime:
        """`minutes` after the report, and what can wait for the morning does."""
        moment = (reported + timedelta(minutes=minutes)).astimezone(place.tenant.time_zone)
        evening, morning = _NIGHT
        if case.severity in _UNHURRIED and not morning <= moment.hour < evening:
            moment += timedelta(days=moment.hour >= evening)
            moment = moment.replace(hour=morning, minute=self.random.randint(35, 59))
        return moment

    def _awake(self, place: _Place, moment: datetime) -> datetime:
        """The moment, or the morning after it if people sleep then."""
        local = moment.astimezone(place.tenant.time_zone)
        evening, morning = _NIGHT
        if morning < local.hour < evening:
            return local
        local += timedelta(days=local.hour >= evening)
        return local.replace(hour=morning + 1, minute=self.random.randint(5, 59))

    def _in_the_day(self, place: _Place, moment: datetime) -> datetime:
        """The moment; of an earlier day one between eight and seven, in the same order."""
        if moment > self._ago(_DAY):
            return moment
        local = moment.astimezone(place.tenant.time_zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(hours=8) + (local - midnight) * 11 / 24

    def _project(self, place: _Place, case: Case) -> Project:
        for plan in place.plan.projects:
            if case.module in plan.modules:
                return place.projects[plan.code]
        return place.projects[place.plan.projects[0].code]

    # ---- the verbs ----------------------------------------------------------------------------------------------

    def _story(self, place: _Place, case: Case) -> _Story:
        project = self._project(place, case)
        there = self._on(place, project.code)
        return _Story(
            place,
            project,
            case.title,
            noticed=case.severity != "P4" and case.module in ("BC", "MDM") and self.random.random() < 0.25,  # noqa: PLR2004
            asker=self.random.choice([member for member in there if member.role == Role.CUSTOMER]),
            agents=[member for member in there if member.role == Role.AGENT],
        )

    def _then(self, moment: datetime, story: _Story, deed: Deed) -> None:
        def step(now: datetime) -> None:
            story.row = deed(now)

        self._at(moment, story.place, step)

    def _report(self, story: _Story, case: Case) -> Deed:
        reporter = SYSTEM if story.noticed else self._actor(story.asker)
        source = (
            Source.ALERT if story.noticed else self.random.choices((Source.PERSON, Source.EMAIL), (4, 1))[0]
        )
        hit = {"P1": (120, 400), "P2": (8, 90), "P3": (1, 30), "P4": (1, 5)}[case.severity]
        users = self.random.randint(*hit)
        return lambda now: hypercare.report_incident(
            project=story.project,
            title=case.title,
            description=case.description,
            severity=case.severity,
            incident_type=case.kind,
            affected_module=case.module,
            affected_users_count=users,
            source=source,
            by=reporter,
            now=now,
        )

    def _answer(self, story: _Story) -> Deed:
        by = self._actor(story.first)
        return lambda now: hypercare.respond_first(incident=story.incident, by=by, now=now)

    def _assign(self, story: _Story) -> Deed:
        return lambda now: hypercare.assign(
            incident=story.incident,
            assigned_to_id=self.users[story.solver.email].pk,
            support_level=SupportLevel(story.solver.level),
            by=self._actor(story.first),
            now=now,
        )

    def _link(self, story: _Story, item: BacklogItem) -> Deed:
        return lambda now: hypercare.change_incident(
            incident=story.incident, backlog_item_id=item.pk, by=self._actor(story.solver), now=now
        )

    def _say(self, story: _Story, say: Say) -> Deed:
        who = {talk.CUSTOMER: story.asker, talk.AGENT: story.first, talk.SOLVER: story.solver}[say.who]
        by, asker = self._actor(who), self.users[story.asker.email].pk

        def deed(now: datetime) -> Incident:
            row = story.incident
            hypercare.add_comment(incident=row, content=say.text, is_internal=say.internal, by=by, now=now)
            if say.severity:
                row = hypercare.change_incident(incident=row, severity=say.severity, by=by, now=now)
            if say.waits:
                row = hypercare.wait(incident=row, reason=say.waits, owner_id=asker, by=by, now=now)
            return row

        return deed

    def _resolve(self, story: _Story, case: Case, notes: str) -> Deed:
        return lambda now: hypercare.resolve(
            incident=story.incident,
            root_cause=case.cause,
            root_cause_category=RootCauseCategory(case.cause_category),
            resolution_notes=notes,
            by=self._actor(story.solver),
            now=now,
        )

    def _reopen(self, story: _Story, why: str) -> Deed:
        by = self._actor(story.first if story.noticed else story.asker)
        return lambda now: hypercare.reopen(incident=story.incident, reason=why, by=by, now=now)

    def _close(self, story: _Story) -> Deed:
        ours = story.noticed or self.random.random() < 0.5  # noqa: PLR2004
        by = self._actor(story.first if ours else story.asker)
        return lambda now: hypercare.close(incident=story.incident, by=by, now=now)

    def _draft(self, place: _Place, change: Change, by: Actor, made: list[ChangeRequest]) -> Step:
        day = None
        if change.planned is not None:
            local = (self.now + timedelta(days=change.planned)).astimezone(place.tenant.time_zone)
            day = local.date()

        def step(now: datetime) -> None:
            drafted = hypercare.draft_change(
                project=place.projects[change.project],
                incident_id=place.open[change.case].incident.pk if change.case else None,
                title=change.title,
                description=change.description,
                change_type=change.change_type,
                severity=change.severity,
                affected_module=change.module,
                impact_assessment=change.impact,
                rollback_plan=change.rollback,
                planned_implementation_date=day,
                by=by,
                now=now,
            )
            made.append(drafted)

        return step

    @staticmethod
    def _move_change(deed: talk.Deed, by: Actor, made: list[ChangeRequest]) -> Step:
        said = {talk.REJECT: "reason", talk.IMPLEMENT: "test_evidence"}
        given = {said[deed.verb]: deed.text} if deed.verb in said else {}
        return lambda now: made.append(_CHANGE_VERBS[deed.verb](change=made[-1], **given, by=by, now=now))

    def _open_grant(self, tenant: Tenant, look: Look, made: list[SupportGrant]) -> Step:
        by = self._staff(StaffRole.SUPPORT)
        user = next(user for user in self.users.values() if user.pk == by.user_id)
        return lambda now: made.append(
            services.open_grant(
                user=user,
                tenant=tenant,
                reason=look.why,
                ticket=look.ticket,
                minutes=30,
                writes=False,
                by=by,
                now=now,
            )
        )

    def _end_grant(self, made: list[SupportGrant]) -> Step:
        by = self._staff(StaffRole.SUPPORT)
        return lambda now: services.end_grant(grant=made[-1], by=by, now=now)

    @staticmethod
    def _trespass(tenant: Tenant) -> Step:
        return lambda now: services.count_signal(
            signal=Signal.CROSS_SCOPE, tenant=tenant, about={"demo": True}, now=now
        )

    @staticmethod
    def _look(tenant: Tenant, rule: str) -> Step:
        """One look at one alarm, as the worker has every minute at all of them."""
        alarm = next(alarm for alarm in settings.THRESHOLDS.watched() if alarm.name == rule)
        meant, limits = rule_of(alarm), settings.THRESHOLDS.verdict
        future = timedelta(seconds=limits.FUTURE_SECONDS)
        read = source_of(alarm.metric)
        assert read is not None, f"{alarm.metric} is measured"

        def step(now: datetime) -> None:
            sample = read([tenant], *meant.period(now)).get(tenant.pk)
            verdict = judge(meant, sample, now=now, significance=limits.SIGNIFICANCE, future=future)
            record(judged=[Judged(alarm, tenant, verdict)], now=now)

        return step

    def _take(self, tenant: Tenant, rule: str, note: str) -> Step:
        by = self._staff(StaffRole.SUPPORT)
        return lambda now: acknowledge(
            alert=Alert.objects.get(tenant=tenant, rule=rule), note=note, by=by, now=now
        )

    def _set_flag(self, switch: Switch) -> Step:
        by, segment = self._staff(StaffRole.RELEASE), Segment.objects.get(key=switch.segment)

        def step(now: datetime) -> None:
            services.set_flag_for_segment(
                flag_key=PROJECT_SCOPE,
                segment=segment,
                enabled=switch.enabled,
                reason=switch.why,
                by=by,
                now=now,
            )

        return step

    # ---- time goes by -------------------------------------------------------------------------------------------

    def _run(self) -> int:
        while self.steps:
            moment, _number, place, step = heappop(self.steps)
            if place is None:
                step(moment)
            else:
                with entering(place.tenant):
                    step(moment)
                    self._plan_sweep(place, moment)
        tenants = Tenant.objects.filter(slug__in=[plan.slug for plan in self.plans])
        left = Deadline.objects.filter(tenant__in=tenants, wake_at__lte=self.now).first()
        if left:
            raise RuntimeError(f"no sweep carried out {left}: {left.last_error}")
        reported = 0
        for tenant in tenants:
            with entering(tenant):
                reported += Incident.objects.count()
        return reported

    def _plan_sweep(self, place: _Place, moment: datetime) -> None:
        """Sweep as beat would have, within seconds of the tenant's next deadline; that plans the one after it."""
        waiting = Deadline.objects.filter(tenant=place.tenant, dead_at__isnull=True)
        due = waiting.order_by("wake_at").values_list("wake_at", flat=True).first()
        if due is None or due > self.now or (place.sweep_for is not None and place.sweep_for <= due):
            return
        place.sweep_for = due
        at = min(max(due, moment) + _BEAT * self.random.random(), self.now)
        self._at(at, place, self._sweep(place, due))

    @staticmethod
    def _sweep(place: _Place, due: datetime) -> Step:
        def step(now: datetime) -> None:
            if place.sweep_for == due:  # else an earlier one was planned since
                place.sweep_for = None
                deadlines.sweep_tenant(place.tenant, now=now, total=deadlines.Swept())

        return step
