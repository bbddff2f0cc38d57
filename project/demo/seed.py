"""Plays the demo's history through the services, in the order of its time, and has its mails sent.

Everything is one transaction, so the demo is there whole or not at all. Tests and `manage.py demo` call `seed`;
`post` needs a mail server. The same `now` gives the same history (ids and secrets aside).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count

from django.conf import settings

from hypercare import services as hypercare
from hypercare.models import Incident, Project
from hypercare.states import ClockKind, RootCauseCategory, Source, SupportLevel
from project.demo import data
from project.demo.cases import Case
from project.demo.data import Look, Member, OpenCase, Person, Switch, TenantPlan
from tenancy import deadlines, deliveries, services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.flags import PROJECT_SCOPE
from tenancy.models import Deadline, Delivery, Endpoint, Segment, SupportGrant, Tenant, User
from tenancy.states import DeliveryState, Role, StaffRole, TenantState
from tenancy.transactions import atomic

SYSTEM = Actor.system("demo")
_SEED = 1204
_BEAT = timedelta(seconds=settings.THRESHOLDS.sweep.EVERY_SECONDS)
_DAY = 24 * 60  # minutes
_NIGHT = (21, 7)  # local hours between which only P1 and P2 are worked on
_UNHURRIED = ("P3", "P4")

Step = Callable[[datetime], None]


def seed(*, now: datetime, plans: Sequence[TenantPlan] = data.TENANTS) -> int:
    """Make the demo's tenants as if they had worked until `now`, and return how many incidents they had.

    All or nothing. Raises what a service raises; Conflict when one of the tenants is there already.
    """
    with atomic():
        return _Seeding(plans, now).play()


def connect(address: str, *, now: datetime, slug: str = data.TENANTS[0].slug) -> None:
    """Let a tenant's service desk hear of every event at `address`, wherever it was before."""
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


def post(*, now: datetime, plans: Sequence[TenantPlan] = data.TENANTS) -> int:
    """Send the mails of the history as they would have been sent, seconds after what they tell; returns how many.

    What the mail server does not take stays pending, and the worker tries it again.
    """
    waiting = Delivery.objects.filter(
        state=DeliveryState.PENDING, tenant__slug__in=[plan.slug for plan in plans], created_at__lte=now
    )
    sent = 0
    for moment in waiting.order_by("created_at").values_list("created_at", flat=True).distinct():
        sent_at = moment + timedelta(seconds=2)
        sent += deliveries.dispatch(clock=partial(_same, sent_at)).sent
    return sent


def _same(moment: datetime) -> datetime:
    return moment


@dataclass
class _Place:
    """A tenant while it is played."""

    plan: TenantPlan
    tenant: Tenant
    projects: dict[str, Project] = field(default_factory=dict)


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
        self._segments()
        for plan in self.plans:
            place = self._found(plan)
            self._plan_history(place)
            self._plan_open(place)
            self._plan_operations(place)
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
            by=SYSTEM,
            now=self._tick(),
        )

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
        for case in [*found, *often]:
            self._plan_resolved(place, case)

    def _plan_resolved(self, place: _Place, case: Case) -> None:
        project = self._project(place, case)
        reported = self._reported(place, case)
        target = settings.THRESHOLDS.sla.for_severity(case.severity)
        answered = self._worked(place, case, reported, target.response * self._share(0.04, 0.45, late=0.06))
        resolved = self._worked(place, case, reported, target.resolution * self._share(0.15, 0.85, late=0.08))
        resolved = max(resolved, answered + timedelta(minutes=self.random.randint(9, 45)))
        back = timedelta()
        while resolved - back > self._ago(20):
            back += timedelta(days=1)
        reported, answered, resolved = reported - back, answered - back, resolved - back
        agents = [member for member in self._on(place, project.code) if member.role == Role.AGENT]
        first = next(member for member in agents if member.level == SupportLevel.L1)
        solver = self.random.choices(agents, [3 if member is first else 2 for member in agents])[0]
        made: list[Incident] = []
        self._at(reported, place, self._report(place, case, project, made))
        self._at(answered, place, self._answer(made, first))
        handed = answered + (resolved - answered) * 0.2
        self._at(handed, place, self._assign(made, first, solver))
        self._at(resolved, place, self._resolve(made, case, solver))

    def _plan_open(self, place: _Place) -> None:
        for case, plan in place.plan.open:
            self._plan_still_open(place, case, plan)

    def _plan_still_open(self, place: _Place, case: Case, plan: OpenCase) -> None:
        project = self._project(place, case)
        agents = [member for member in self._on(place, project.code) if member.role == Role.AGENT]
        made: list[Incident] = []
        self._at(self._ago(plan.reported), place, self._report(place, case, project, made))
        if plan.answered is not None:
            self._at(self._ago(plan.answered), place, self._answer(made, agents[0]))
            if plan.level:
                solver = next(member for member in agents if member.level == plan.level)
                self._at(self._ago(plan.answered - 2), place, self._assign(made, agents[0], solver))

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

    def _project(self, place: _Place, case: Case) -> Project:
        for plan in place.plan.projects:
            if case.module in plan.modules:
                return place.projects[plan.code]
        return place.projects[place.plan.projects[0].code]

    # ---- the verbs ----------------------------------------------------------------------------------------------

    def _report(self, place: _Place, case: Case, project: Project, made: list[Incident]) -> Step:
        customers = [member for member in self._on(place, project.code) if member.role == Role.CUSTOMER]
        noticed = case.severity != "P4" and case.module in ("BC", "MDM") and self.random.random() < 0.25  # noqa: PLR2004
        reporter = SYSTEM if noticed else self._actor(self.random.choice(customers))
        source = Source.ALERT if noticed else self.random.choices((Source.PERSON, Source.EMAIL), (4, 1))[0]
        hit = {"P1": (120, 400), "P2": (8, 90), "P3": (1, 30), "P4": (1, 5)}[case.severity]
        users = self.random.randint(*hit)

        def step(now: datetime) -> None:
            incident = hypercare.report_incident(
                project=project,
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
            made.append(incident)
            for clock in ClockKind:
                self._sweep_at(incident.deadline(clock), place)

        return step

    def _answer(self, made: list[Incident], agent: Member) -> Step:
        return lambda now: made.append(
            hypercare.respond_first(incident=made[-1], by=self._actor(agent), now=now)
        )

    def _assign(self, made: list[Incident], by: Member, to: Member) -> Step:
        return lambda now: made.append(
            hypercare.assign(
                incident=made[-1],
                assigned_to_id=self.users[to.email].pk,
                support_level=SupportLevel(to.level),
                by=self._actor(by),
                now=now,
            )
        )

    def _resolve(self, made: list[Incident], case: Case, agent: Member) -> Step:
        return lambda now: made.append(
            hypercare.resolve(
                incident=made[-1],
                root_cause=case.cause,
                root_cause_category=RootCauseCategory(case.cause_category),
                resolution_notes=case.notes,
                by=self._actor(agent),
                now=now,
            )
        )

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
        tenants = Tenant.objects.filter(slug__in=[plan.slug for plan in self.plans])
        left = Deadline.objects.filter(tenant__in=tenants, wake_at__lte=self.now).first()
        if left:
            raise RuntimeError(f"no sweep carried out {left}: {left.last_error}")
        reported = 0
        for tenant in tenants:
            with entering(tenant):
                reported += Incident.objects.count()
        return reported

    def _sweep_at(self, due_at: datetime, place: _Place) -> None:
        """Sweep as beat would have, within seconds of `due_at`."""
        moment = due_at + _BEAT * self.random.random()
        if due_at > self.now:
            return
        sweep = partial(deadlines.sweep_tenant, place.tenant, total=deadlines.Swept())
        self._at(min(moment, self.now), place, lambda now: sweep(now=now))
