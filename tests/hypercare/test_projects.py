"""Programs, projects and members: what is made, what is refused, who sees what."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from hypercare import services
from hypercare.models import Incident, Program, Project, ProjectMember
from tenancy import flags
from tenancy.actors import Actor
from tenancy.errors import Conflict, Invalid, NotAllowed
from tenancy.flags import PROJECT_SCOPE
from tenancy.journal.models import Event
from tenancy.models import Tenant, User
from tests import factories

pytestmark = pytest.mark.django_db
GO_LIVE = datetime(2026, 11, 6, 6, 0, tzinfo=UTC)


def test_who_makes_a_project_is_its_first_member(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    made = services.create_project(
        program=project.program,
        code="SD-1",
        name=" Sales ",
        go_live_at=GO_LIVE,
        hypercare_ends_on=date(2026, 12, 18),
        by=actors["agent"],
        now=now,
    )
    assert (made.name, made.time_zone) == ("Sales", in_acme.time_zone)
    assert [member.user_id for member in made.members.all()] == [actors["agent"].user_id]
    events = Event.objects.filter(subject=f"project:{made.pk}").values_list("verb", flat=True)
    assert list(events) == ["project.created", "project.member_added"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "fi 1"}, "code"),
        ({"code": "FI-1"}, "code"),
        ({"name": "  "}, "name"),
        ({"hypercare_ends_on": date(2026, 11, 1)}, "hypercare_ends_on"),
    ],
)
def test_a_project_that_cannot_be_is_refused_by_field(
    in_acme: Tenant,
    project: Project,
    actors: dict[str, Actor],
    now: datetime,
    change: dict[str, object],
    field: str,
) -> None:
    given = {"code": "SD-1", "name": "Sales", "go_live_at": GO_LIVE} | change
    with pytest.raises(Invalid) as refused:
        services.create_project(program=project.program, **given, by=actors["agent"], now=now)
    assert list(refused.value.fields) == [field]
    assert Project.objects.count() == 1


def test_a_tenant_has_one_operations_project(
    in_acme: Tenant, project: Project, system: Actor, now: datetime
) -> None:
    made = {"program": project.program, "name": "Operations", "is_operations": True, "by": system, "now": now}
    services.create_project(code="OPS", **made)
    with pytest.raises(Invalid):
        services.create_project(code="OPS-2", **made)


def test_a_change_is_journaled_with_before_and_after(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    after = services.change_project(
        project=project, name="Finance", time_zone=berlin, by=actors["agent"], now=now
    )
    assert after.time_zone == berlin
    event = Event.objects.filter(verb="project.changed").get()
    assert event.data == {"time_zone": ["Europe/Istanbul", "Europe/Berlin"]}


def test_only_an_empty_project_is_deleted(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    actors: dict[str, Actor],
    report: Callable[..., Incident],
    now: datetime,
) -> None:
    report()
    with pytest.raises(Conflict):
        services.delete_project(project=project, by=actors["agent"], now=now)
    services.delete_project(project=other_project, by=actors["agent"], now=now)
    assert list(Project.objects.all()) == [project]
    with pytest.raises(NotAllowed):
        services.delete_project(project=project, by=actors["customer"], now=now)


def test_the_operations_project_stays(
    in_acme: Tenant, project: Project, system: Actor, now: datetime
) -> None:
    operations = services.create_project(
        program=project.program, code="OPS", name="Operations", is_operations=True, by=system, now=now
    )
    with pytest.raises(Conflict):
        services.delete_project(project=operations, by=system, now=now)


def test_members_come_from_the_tenant_and_come_once(
    in_acme: Tenant,
    globex: Tenant,
    other_project: Project,
    users: dict[str, User],
    actors: dict[str, Actor],
    now: datetime,
) -> None:
    by = {"project": other_project, "by": actors["admin"], "now": now}
    stranger = factories.member(globex, "agent")
    with pytest.raises(Invalid):
        services.add_member(user_id=stranger.pk, **by)
    member = services.add_member(user_id=users["agent"].pk, support_level="L2", **by)
    with pytest.raises(Invalid):
        services.add_member(user_id=users["agent"].pk, **by)
    changed = services.change_member(member=member, is_board_member=True, by=actors["admin"], now=now)
    assert (changed.support_level, changed.is_board_member) == ("L2", True)
    services.remove_member(member=member, by=actors["admin"], now=now)
    assert not ProjectMember.objects.filter(project=other_project).exists()
    verbs = Event.objects.filter(subject=f"project:{other_project.pk}").values_list("verb", flat=True)
    assert list(verbs)[1:] == ["project.member_added", "project.member_changed", "project.member_removed"]


def test_members_are_the_admins_business(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    member = project.members.first()
    assert member is not None
    for verb in (
        lambda by: services.add_member(project=project, user_id=1, by=by, now=now),
        lambda by: services.change_member(member=member, by=by, now=now),
        lambda by: services.remove_member(member=member, by=by, now=now),
    ):
        with pytest.raises(NotAllowed):
            verb(actors["manager"])


def test_members_see_their_projects_and_all_of_them_with_the_flag_off(
    in_acme: Tenant,
    project: Project,
    other_project: Project,
    actors: dict[str, Actor],
    report: Callable[..., Incident],
    system: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine, others = report(), report(project=other_project)
    support = Actor.support(99, grant_id=1, writes=False)

    def seen(by: Actor) -> tuple[int, int, int]:
        return (
            Program.objects.visible_to(by, in_acme).count(),
            Project.objects.visible_to(by, in_acme).count(),
            Incident.objects.visible_to(by, in_acme).count(),
        )

    assert list(Incident.objects.visible_to(actors["customer"], in_acme)) == [mine]
    assert seen(actors["admin"]) == (1, 1, 1)
    assert seen(support) == seen(system) == (1, 2, 2)
    assert seen(Actor.member(12345, actors["customer"].role)) == (0, 0, 0)
    off = flags._Snapshot({PROJECT_SCOPE: False}, {})
    monkeypatch.setattr(flags, "_snapshot", off)
    assert seen(actors["customer"]) == (1, 2, 2)
    assert others.project == other_project


def test_a_program_without_projects_is_seen_by_agents_not_by_customers(
    in_acme: Tenant, project: Project, actors: dict[str, Actor], now: datetime
) -> None:
    services.create_program(code="HR", name="People", by=actors["agent"], now=now)
    assert Program.objects.visible_to(actors["agent"], in_acme).count() == 2
    assert Program.objects.visible_to(actors["customer"], in_acme).count() == 1
    with pytest.raises(NotAllowed):
        services.create_program(code="CRM", name="CRM", by=actors["customer"], now=now)
