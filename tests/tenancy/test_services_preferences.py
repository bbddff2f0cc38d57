"""What people want to be told of: their own, once per project."""

from datetime import time

import pytest

from hypercare import services as hypercare
from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event
from tenancy.models import Preference
from tenancy.services.scopes import scopes_for
from tenancy.states import Role, StaffRole
from tests import factories

pytestmark = pytest.mark.django_db
NIGHT = {"quiet_from": time(22), "quiet_until": time(7)}


@pytest.fixture
def person(in_acme):
    return factories.member(in_acme, "customer")


@pytest.fixture
def me(person):
    return Actor.member(person.pk, Role.CUSTOMER)


@pytest.fixture
def project(in_acme, person, system, now):
    program = hypercare.create_program(code="ERP", name="ERP", by=system, now=now)
    project = hypercare.create_project(program=program, code="WAVE", name="Wave 1", by=system, now=now)
    hypercare.add_member(project=project, user_id=person.pk, by=system, now=now)
    return project


def changes():
    return list(Event.objects.filter(verb="preference.changed").order_by("seq"))


def test_a_default_is_set_once_and_changed_later(in_acme, person, me, now):
    services.set_preference(user=person, tenant=in_acme, level="urgent", **NIGHT, by=me, now=now)
    services.set_preference(user=person, tenant=in_acme, level="nothing", by=me, now=now)
    row = Preference.objects.get(user=person)
    assert (row.scope, row.level, row.quiet_from, row.quiet_until) == (None, "nothing", None, None)
    assert services.preferences_of(person, in_acme) == {None: row}


def test_the_same_again_writes_nothing(in_acme, person, me, now):
    for _ in range(2):
        services.set_preference(user=person, tenant=in_acme, level="urgent", **NIGHT, by=me, now=now)
    assert len(changes()) == 1


def test_the_journal_has_the_user_and_the_level_and_no_hours(in_acme, person, me, now):
    services.set_preference(user=person, tenant=in_acme, level="urgent", **NIGHT, by=me, now=now)
    (event,) = changes()
    assert event.data == {"user": person.pk, "scope": None, "level": "urgent"}
    assert event.actor_id == person.pk


def test_a_project_has_its_own_level(in_acme, person, me, project, now):
    services.set_preference(user=person, tenant=in_acme, level="nothing", by=me, now=now)
    services.set_preference(user=person, tenant=in_acme, scope=project.pk, level="all", by=me, now=now)
    levels = {scope: row.level for scope, row in services.preferences_of(person, in_acme).items()}
    assert levels == {None: "nothing", project.pk: "all"}


def test_a_project_that_one_does_not_see_is_not_there(in_acme, me, person, project, system, now):
    program = hypercare.create_program(code="CRM", name="CRM", by=system, now=now)
    other = hypercare.create_project(program=program, code="CRM", name="CRM", by=system, now=now)
    assert set(scopes_for(me)) == {project.pk}
    with pytest.raises(NotFound):
        services.set_preference(user=person, tenant=in_acme, scope=other.pk, level="all", by=me, now=now)


def test_what_was_set_can_be_forgotten_also_for_a_project_that_one_has_left(
    in_acme, person, me, project, system, now
):
    services.set_preference(user=person, tenant=in_acme, scope=project.pk, level="all", by=me, now=now)
    hypercare.remove_member(member=project.members.get(user=person), by=system, now=now)
    services.clear_preference(user=person, tenant=in_acme, scope=project.pk, by=me, now=now)
    assert services.preferences_of(person, in_acme) == {}
    assert changes()[-1].data == {"user": person.pk, "scope": str(project.pk), "level": None}
    with pytest.raises(NotFound):
        services.clear_preference(user=person, tenant=in_acme, scope=project.pk, by=me, now=now)


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"level": "loud"}, "level"),
        ({"quiet_from": time(22)}, "quiet_until"),
        ({"quiet_until": time(7)}, "quiet_from"),
        ({"quiet_from": time(0), "quiet_until": time(0)}, "quiet_until"),
    ],
)
def test_hours_and_levels_that_cannot_be_are_named(in_acme, person, me, now, fields, at_fault):
    with pytest.raises(Invalid) as refused:
        services.set_preference(user=person, tenant=in_acme, **({"level": "all"} | fields), by=me, now=now)
    assert list(refused.value.fields) == [at_fault]


def test_quiet_hours_hold_for_all_projects(in_acme, person, me, project, now):
    with pytest.raises(Invalid) as refused:
        services.set_preference(
            user=person, tenant=in_acme, scope=project.pk, level="all", **NIGHT, by=me, now=now
        )
    assert list(refused.value.fields) == ["quiet_from"]


def others(tenant, person):
    yield Actor.member(factories.member(tenant, "admin").pk, Role.ADMIN)
    yield Actor.support(person.pk, grant_id=1, writes=True)
    yield Actor.staff(factories.UserFactory(staff_role="platform").pk, StaffRole.PLATFORM)
    yield Actor.system("sweep")


def test_nobody_sets_anothers_not_even_an_admin_or_a_grant(in_acme, person, me, now):
    services.set_preference(user=person, tenant=in_acme, level="urgent", by=me, now=now)
    for by in others(in_acme, person):
        with pytest.raises(NotAllowed):
            services.set_preference(user=person, tenant=in_acme, level="all", by=by, now=now)
        with pytest.raises(NotAllowed):
            services.clear_preference(user=person, tenant=in_acme, by=by, now=now)
    assert Preference.objects.get(user=person).level == "urgent"


def test_another_tenant_is_not_there(in_acme, globex, person, me, now):
    with pytest.raises(NotFound):
        services.set_preference(user=person, tenant=globex, level="all", by=me, now=now)
    with entering(globex), pytest.raises(NotFound):
        services.set_preference(user=person, tenant=in_acme, level="all", by=me, now=now)
