"""Policies: the targets of a project from a moment on. One is made, or taken back before it begins; never changed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hypercare.models import Policy, PolicyTarget, Project
from hypercare.rules import Target, target_faults
from hypercare.services import clocks
from hypercare.services.calendars import is_reached, newest_of, retarget_project
from hypercare.states import ClockKind
from tenancy.actors import Actor
from tenancy.deadlines import Due, schedule
from tenancy.errors import Conflict, Invalid
from tenancy.journal.models import Event
from tenancy.permissions import require
from tenancy.transactions import atomic, emit, ref

BEGINS = "policy.begins"
BEGAN = "policy.began"


def create_policy(
    *,
    project: Project,
    targets: Mapping[str, Target],
    valid_from: datetime | None = None,
    by: Actor,
    now: datetime,
) -> Policy:
    """Set the project's targets from `valid_from` (now) on; severities left out get the defaults, round the clock.

    One that is valid at once retargets the running clocks of the project's open incidents; a later one when it
    begins. Raises NotAllowed, Invalid by field.
    """
    require(by, "policy.change")
    begins = now if valid_from is None else valid_from
    with atomic():
        clocks.lock_policies(project, shared=False)
        every = checked_targets(project=project, targets=targets, begins=begins, now=now)
        policy = Policy.objects.create(
            project=project, valid_from=begins, created_by_id=by.user_id, created_at=now
        )
        PolicyTarget.objects.bulk_create(
            PolicyTarget(
                policy=policy,
                severity=severity,
                response_minutes=target.response_minutes,
                resolution_minutes=target.resolution_minutes,
                calendar_id=target.calendar_id,
            )
            for severity, target in every.items()
        )
        data = {
            "valid_from": begins,
            "targets": {
                severity: [target.response_minutes, target.resolution_minutes, target.calendar_id]
                for severity, target in every.items()
            },
        }
        emit("policy.created", policy, by=by, now=now, data=data, scope=project.pk, urgent=False)
        if begins == now:
            _begin(policy, by=by, now=now)
        else:
            schedule(kind=BEGINS, subject=ref(policy), due_at=begins)
    return policy


def checked_targets(
    *, project: Project, targets: Mapping[str, Target], begins: datetime, now: datetime
) -> dict[str, Target]:
    """The targets of all four severities of a policy that would begin at `begins`. Raises Invalid by field."""
    every = {
        severity: targets.get(severity) or Target(default.response, default.resolution)
        for severity, default in settings.THRESHOLDS.sla.targets().items()
    }
    faults = target_faults(every, targets) or _calendar_faults(project, every, begins)
    if begins < now:
        faults["valid_from"] = [_("A policy begins now or later.")]
    elif Policy.objects.filter(project=project, valid_from=begins).exists():
        faults["valid_from"] = [_("Another policy begins at this very moment.")]
    if faults:
        raise Invalid(_("The policy cannot be made."), fields=faults)
    return every


def delete_policy(*, policy: Policy, by: Actor, now: datetime) -> None:
    """Take back a policy that has not begun. Raises NotAllowed, Conflict."""
    require(by, "policy.change")
    with atomic():
        clocks.lock_policies(policy.project, shared=False)
        row = Policy.objects.filter(pk=policy.pk, valid_from__gt=now).first()
        if row is None:
            raise Conflict(_("This policy has begun: make a newer one."), state="begun")
        emit("policy.deleted", row, by=by, now=now, scope=row.project_id, urgent=False)
        row.delete()


def policy_in_force(project: Project, now: datetime) -> UUID | None:
    """The key of the policy that counts at `now`, None where the defaults do."""
    begun = Policy.objects.filter(project=project, valid_from__lte=now).order_by("-valid_from")
    return begun.values_list("pk", flat=True).first()


def on_policy_begins(dues: Sequence[Due], by: Actor, now: datetime) -> None:
    """Handler of `policy.begins`: retargets what runs. A policy that was taken back is gone."""
    keys = [UUID(due.subject.partition(":")[2]) for due in dues]
    begun = Policy.objects.filter(pk__in=keys, valid_from__lte=now).select_related("project")
    with atomic():
        for policy in begun.order_by("project", "valid_from"):
            clocks.lock_policies(policy.project, shared=False)
            _begin(policy, by=by, now=now)


def _begin(policy: Policy, *, by: Actor, now: datetime) -> None:
    """The caller holds the project's policies."""
    if Event.objects.filter(subject=ref(policy), verb=BEGAN).exists():
        return
    count = retarget_project(policy.project, by=by, now=now, why={"policy": str(policy.pk)})
    data = {"retargeted": count}
    emit(BEGAN, policy, by=by, now=now, data=data, scope=policy.project_id, urgent=False)


def waiting_to_begin() -> Iterator[tuple[str, datetime]]:
    """Subject and time of every policy that was to begin after it was made and has not."""
    begun = set(Event.objects.filter(verb=BEGAN).values_list("subject", flat=True))
    for policy in Policy.objects.filter(valid_from__gt=F("created_at")).iterator():
        if ref(policy) not in begun:
            yield ref(policy), policy.valid_from


def _calendar_faults(
    project: Project, targets: Mapping[str, Target], begins: datetime
) -> dict[str, list[object]]:
    """Calendars that are not the project's, and targets that are never reached in theirs, by path."""
    faults: dict[str, list[object]] = {}
    asked = {target.calendar_id for target in targets.values() if target.calendar_id}
    found = newest_of(asked, project) if asked else {}
    for severity, target in targets.items():
        if target.calendar_id is None:
            continue
        version = found.get(target.calendar_id)
        if version is None:
            faults[f"targets.{severity}.calendar_id"] = [_("The project has no such calendar.")]
            continue
        hours = clocks.hours_by_version(version.pk)
        for clock in ClockKind:
            if not is_reached(hours, target.minutes(clock), begins):
                faults[f"targets.{severity}.{clock}_minutes"] = [_("In its calendar this is never reached.")]
    return faults
