"""Programs, projects and the people of a project."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from hypercare.models import Incident, Program, Project, ProjectMember
from hypercare.rules import ends_before_go_live
from hypercare.services.people import roles_of
from hypercare.states import SupportLevel
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Conflict, Invalid
from tenancy.permissions import require
from tenancy.rows import TenantModel
from tenancy.states import ActorKind
from tenancy.transactions import atomic, emit


class ProjectChanges(TypedDict, total=False):
    """What `change_project` may be given."""

    program: Program
    code: str
    name: str
    go_live_at: datetime | None
    hypercare_ends_on: date | None
    time_zone: ZoneInfo


def create_program(*, code: str, name: str, by: Actor, now: datetime) -> Program:
    """Make a program. Raises NotAllowed, Invalid (a code that is malformed or taken, no name)."""
    require(by, "program.change")
    with atomic():
        program = Program(code=code.strip(), name=name.strip(), created_at=now)
        _insert(program)
        emit("program.created", program, by=by, now=now, data={"code": program.code})
    return program


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
        _insert(project)
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
    *, project: Project, by: Actor, now: datetime, **changes: Unpack[ProjectChanges]
) -> Project:
    """Change what is given and differs. Raises NotAllowed, Invalid (code, dates)."""
    require(by, "project.change")
    with atomic():
        after = Project.objects.select_for_update().get(pk=project.pk)
        before = {name: getattr(after, name) for name in changes}
        for name, value in changes.items():
            setattr(after, name, value.strip() if isinstance(value, str) else value)
        changed = {name: [_word(old), _word(getattr(after, name))] for name, old in before.items()}
        changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
        if changed:
            _check_dates(after)
            with _refusing(after):
                after.save(update_fields=list(changed))
            emit("project.changed", after, by=by, now=now, data=changed, scope=after.pk)
    return after


def delete_project(*, project: Project, by: Actor, now: datetime) -> None:
    """Delete a project that holds no incidents, with its memberships.

    Raises NotAllowed, Conflict when it holds some or is the operations project.
    """
    require(by, "project.change")
    with atomic():
        row = Project.objects.select_for_update().get(pk=project.pk)
        if row.is_operations:
            raise Conflict(_("The operations project stays."), state="operations")
        if Incident.objects.filter(project=row).exists():
            raise Conflict(_("Only an empty project can be deleted."), state="in_use")
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
    """Change what is given; an empty support level takes it away. Raises NotAllowed."""
    require(by, "project_member.change")
    with atomic():
        after = ProjectMember.objects.select_for_update().get(pk=member.pk)
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
    return after


def remove_member(*, member: ProjectMember, by: Actor, now: datetime) -> None:
    """Take somebody off a project; what they are assigned stays theirs until it is reassigned. Raises NotAllowed."""
    require(by, "project_member.change")
    with atomic():
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
    _insert(member)
    data = {"user": user_id, "support_level": support_level, "is_board_member": is_board_member}
    emit("project.member_added", project, by=by, now=now, data=data, scope=project.pk)
    return member


def _check_dates(project: Project) -> None:
    if ends_before_go_live(project.go_live_at, project.hypercare_ends_on, project.time_zone):
        text = _("Hypercare ends on or after the day of the go-live.")
        raise Invalid(text, fields={"hypercare_ends_on": [text]})


def _insert(row: TenantModel) -> None:
    with _refusing(row):
        row.save(force_insert=True)


@contextmanager
def _refusing(row: TenantModel) -> Iterator[None]:
    """Turn what the model or the database refuses about `row` into Invalid."""
    try:
        row.full_clean()
        with atomic():
            yield
    except ValidationError as error:
        fields: dict[str, Any] = error.message_dict
        fields.pop(NON_FIELD_ERRORS, None)
        raise Invalid(" ".join(error.messages), fields=fields) from error
    except IntegrityError as error:  # somebody else was faster with the same code or member
        raise Invalid(_("This exists already.")) from error


def _word(value: object) -> object:
    """`value` as the journal writes it."""
    if isinstance(value, TenantModel):
        return value.pk
    return str(value) if isinstance(value, ZoneInfo) else value
