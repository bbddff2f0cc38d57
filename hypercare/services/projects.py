"""Programs, projects and the people of a project."""

from datetime import date, datetime
from typing import Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from hypercare.models import (
    BacklogItem,
    Calendar,
    ChangeRequest,
    Incident,
    Policy,
    Program,
    Project,
    ProjectMember,
)
from hypercare.rules import ends_before_go_live
from hypercare.services.boards import check_leaving, set_quorum, settle
from hypercare.services.people import roles_of
from hypercare.services.rows import check_version, insert, refusing
from hypercare.states import SupportLevel
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Conflict, Invalid
from tenancy.permissions import require
from tenancy.rows import TenantModel
from tenancy.states import ActorKind
from tenancy.transactions import atomic, emit


class ProgramChanges(TypedDict, total=False):
    """What `change_program` may be given."""

    code: str
    name: str


class ProjectChanges(TypedDict, total=False):
    """What `change_project` may be given."""

    program: Program
    code: str
    name: str
    go_live_at: datetime | None
    hypercare_ends_on: date | None
    time_zone: ZoneInfo
    change_quorum: int


HELD_BY_PROJECTS: tuple[Any, ...] = (Incident, ChangeRequest, BacklogItem, Policy, Calendar)
"""What makes a project more than empty: nothing of it goes with a project that is deleted."""


def create_program(*, code: str, name: str, by: Actor, now: datetime) -> Program:
    """Make a program. Raises NotAllowed, Invalid (a code that is malformed or taken, no name)."""
    require(by, "program.change")
    with atomic():
        program = Program(code=code.strip(), name=name.strip(), created_at=now)
        insert(program)
        emit("program.created", program, by=by, now=now, data={"code": program.code})
    return program


def change_program(
    *,
    program: Program,
    version: int | None = None,
    by: Actor,
    now: datetime,
    **changes: Unpack[ProgramChanges],
) -> Program:
    """Change what is given and differs.

    Raises NotAllowed, Stale, Invalid (a code that is malformed or taken, no name).
    """
    require(by, "program.change")
    with atomic():
        after = Program.objects.select_for_update().get(pk=program.pk)
        check_version(after, version)
        given = {name: str(value).strip() for name, value in changes.items()}
        changed = {
            name: [getattr(after, name), value]
            for name, value in given.items()
            if getattr(after, name) != value
        }
        for name, (_old, value) in changed.items():
            setattr(after, name, value)
        if changed:
            with refusing(after):
                after.save(update_fields=list(changed))
            emit("program.changed", after, by=by, now=now, data=changed)
    return after


def delete_program(*, program: Program, by: Actor, now: datetime) -> None:
    """Delete a program that holds no projects. Raises NotAllowed, Conflict when it holds some."""
    require(by, "program.change")
    with atomic():
        row = Program.objects.select_for_update().get(pk=program.pk)
        if Project.objects.filter(program=row).exists():
            raise Conflict(_("Only an empty program can be deleted."), state="in_use")
        emit("program.deleted", row, by=by, now=now, data={"code": row.code})
        row.delete()


def create_project(
    *,
    program: Program,
    code: str,
    name: str,
    go_live_at: datetime | None = None,
    hypercare_ends_on: date | None = None,
    time_zone: ZoneInfo | None = None,
    is_operations: bool = False,
    by: Actor,
    now: datetime,
) -> Project:
    """Make a project; the tenant's member who makes it becomes its first member.

    Without `time_zone` it has the tenant's. Raises NotAllowed, Invalid (code, dates, a second operations project).
    """
    require(by, "project.change")
    with atomic():
        project = Project(
            program=program,
            code=code.strip(),
            name=name.strip(),
            go_live_at=go_live_at,
            hypercare_ends_on=hypercare_ends_on,
            time_zone=time_zone or current_tenant().time_zone,
            is_operations=is_operations,
            created_at=now,
        )
        _check_dates(project)
        insert(project)
        emit(
            "project.created",
            project,
            by=by,
            now=now,
            data={"code": project.code, "program": program.pk},
            scope=project.pk,
        )
        if by.kind == ActorKind.MEMBER and by.user_id is not None:
            _join(project, by.user_id, "", is_board_member=False, by=by, now=now)
    return project


def change_project(
    *,
    project: Project,
    version: int | None = None,
    by: Actor,
    now: datetime,
    **changes: Unpack[ProjectChanges],
) -> Project:
    """Change what is given and differs; of the quorum see `set_quorum`.

    Raises NotAllowed, Stale, Invalid (code, dates).
    """
    require(by, "project.change")
    quorum = changes.pop("change_quorum", None)
    with atomic():
        after = Project.objects.select_for_update().get(pk=project.pk)
        check_version(after, version)
        if quorum is not None:
            after = set_quorum(project=project, quorum=quorum, by=by, now=now)
        before = {name: getattr(after, name) for name in changes}
        for name, value in changes.items():
            setattr(after, name, value.strip() if isinstance(value, str) else value)
        changed = {name: [_word(old), _word(getattr(after, name))] for name, old in before.items()}
        changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
        if changed:
            _check_dates(after)
            with refusing(after):
                after.save(update_fields=list(changed))
            emit("project.changed", after, by=by, now=now, data=changed, scope=after.pk)
    return after


def delete_project(*, project: Project, by: Actor, now: datetime) -> None:
    """Delete a project that holds nothing of HELD_BY_PROJECTS, with its memberships.

    Raises NotAllowed, Conflict when it holds something or is the operations project.
    """
    require(by, "project.change")
    with atomic():
        row = Project.objects.select_for_update().get(pk=project.pk)
        if row.is_operations:
            raise Conflict(_("The operations project stays."), state="operations")
        held = [model for model in HELD_BY_PROJECTS if model.objects.filter(project=row).exists()]
        if held:
            names = ", ".join(str(model._meta.verbose_name_plural) for model in held)
            text = _("Only an empty project can be deleted. This one has %(held)s.") % {"held": names}
            raise Conflict(text, state="in_use")
        emit("project.deleted", row, by=by, now=now, data={"code": row.code}, scope=row.pk)
        row.delete()


def add_member(
    *,
    project: Project,
    user_id: int,
    support_level: SupportLevel | None = None,
    is_board_member: bool = False,
    by: Actor,
    now: datetime,
) -> ProjectMember:
    """Make a member of the tenant a member of the project.

    Raises NotAllowed, Invalid when the user is no active member of the tenant or is one of the project already.
    """
    require(by, "project_member.change")
    with atomic():
        if user_id not in roles_of([user_id]):
            text = _("Not a member here.")
            raise Invalid(text, fields={"user_id": [text]})
        return _join(project, user_id, support_level or "", is_board_member=is_board_member, by=by, now=now)


def change_member(
    *,
    member: ProjectMember,
    support_level: SupportLevel | str | None = None,
    is_board_member: bool | None = None,
    by: Actor,
    now: datetime,
) -> ProjectMember:
    """Change what is given; an empty support level takes it away.

    Raises NotAllowed, Conflict for a seat on the change board that its quorum needs.
    """
    require(by, "project_member.change")
    with atomic():
        project = _locked(member)
        after = ProjectMember.objects.select_for_update().get(pk=member.pk)
        if is_board_member is False:
            check_leaving(project, after.user_id)
        before = [after.support_level, after.is_board_member]
        after.support_level = after.support_level if support_level is None else support_level
        after.is_board_member = after.is_board_member if is_board_member is None else is_board_member
        now_is = [after.support_level, after.is_board_member]
        if before != now_is:
            after.save(update_fields=["support_level", "is_board_member"])
            data = {"user": after.user_id, "from": before, "to": now_is}
            emit(
                "project.member_changed",
                f"project:{after.project_id}",
                by=by,
                now=now,
                data=data,
                scope=after.project_id,
            )
            if after.is_board_member:
                settle(project, by=by, now=now)
    return after


def remove_member(*, member: ProjectMember, by: Actor, now: datetime) -> None:
    """Take somebody off a project; what they are assigned stays theirs until it is reassigned.

    Raises NotAllowed, Conflict for a seat on the change board that its quorum needs.
    """
    require(by, "project_member.change")
    with atomic():
        check_leaving(_locked(member), member.user_id)
        deleted, _rows = ProjectMember.objects.filter(pk=member.pk).delete()
        if deleted:
            data = {"user": member.user_id}
            emit(
                "project.member_removed",
                f"project:{member.project_id}",
                by=by,
                now=now,
                data=data,
                scope=member.project_id,
            )


def _join(
    project: Project, user_id: int, support_level: str, *, is_board_member: bool, by: Actor, now: datetime
) -> ProjectMember:
    member = ProjectMember(
        project=project,
        user_id=user_id,
        support_level=support_level,
        is_board_member=is_board_member,
        created_at=now,
    )
    insert(member)
    data = {"user": user_id, "support_level": support_level, "is_board_member": is_board_member}
    emit("project.member_added", project, by=by, now=now, data=data, scope=project.pk)
    if is_board_member:
        settle(project, by=by, now=now)
    return member


def _locked(member: ProjectMember) -> Project:
    """The member's project: held, so that a board does not lose two seats at once, nor one while its quorum grows."""
    return Project.objects.select_for_update(no_key=True).get(pk=member.project_id)


def _check_dates(project: Project) -> None:
    if ends_before_go_live(project.go_live_at, project.hypercare_ends_on, project.time_zone):
        text = _("Hypercare ends on or after the day of the go-live.")
        raise Invalid(text, fields={"hypercare_ends_on": [text]})


def _word(value: object) -> object:
    """`value` as the journal writes it."""
    if isinstance(value, TenantModel):
        return value.pk
    return str(value) if isinstance(value, ZoneInfo) else value
