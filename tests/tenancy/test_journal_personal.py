"""Personal data can be erased from beside a chain, which stays valid and says that it was."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from tenancy import services
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.errors import BrokenChain, Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event, EventPersonal
from tenancy.models import OperatorEvent, OperatorPersonal
from tenancy.services.journal import erase_expired_personal, erase_personal
from tenancy.states import Role, StaffRole
from tenancy.transactions import atomic, emit

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
ADMIN = Actor.member(7, Role.ADMIN)


def write(now, *subjects):
    with atomic():
        for subject in subjects:
            emit("thing.made", subject, by=ADMIN, now=now, personal={"name": "Ayşe"})


def told():
    return list(Event.objects.filter(verb="journal.personal_erased").values_list("subject", "data"))


def test_what_is_personal_about_a_subject_goes_and_the_chain_stays(in_acme, now):
    write(now, "thing:1", "thing:2", "thing:1")
    assert erase_personal(subject="thing:1", reason=" asked by mail ", by=ADMIN, now=now) == 2
    kept = Event.objects.get(pk=EventPersonal.objects.get().pk)
    assert kept.subject == "thing:2"
    assert Event.objects.exclude(personal_hash="").count() == 3
    assert told() == [("thing:1", {"count": 2, "reason": "asked by mail"})]
    assert verify(in_acme.schema_name) == 4


def test_a_part_that_is_changed_instead_is_found(in_acme, now):
    write(now, "thing:1", "thing:2")
    erase_personal(subject="thing:1", reason="asked", by=ADMIN, now=now)
    with connection.cursor() as cursor:
        cursor.execute('UPDATE journal_eventpersonal SET data = \'{"name": ""}\'')
    with pytest.raises(BrokenChain, match="personal part") as broken:
        verify(in_acme.schema_name)
    assert broken.value.seq == 2


def test_a_row_names_itself(in_acme, now):
    subject = Event(subject="x")
    write(now, f"event:{subject.pk}")
    assert erase_personal(subject=subject, reason="asked", by=ADMIN, now=now) == 1


@pytest.mark.parametrize(
    "by",
    [
        Actor.member(7, Role.MANAGER),
        Actor.support(7, grant_id=1, writes=True),
        Actor.staff(7, StaffRole.SUPPORT),
        Actor.staff(7, StaffRole.RELEASE),
    ],
)
def test_who_may_not_erase(in_acme, now, by):
    write(now, "thing:1")
    with pytest.raises(NotAllowed):
        erase_personal(subject="thing:1", reason="asked", by=by, now=now)
    assert EventPersonal.objects.count() == 1


def test_erasing_needs_a_reason_and_something_to_erase(in_acme, now):
    write(now, "thing:1")
    with pytest.raises(Invalid):
        erase_personal(subject="thing:1", reason=" ", by=ADMIN, now=now)
    with pytest.raises(NotFound):
        erase_personal(subject="thing:9", reason="asked", by=ADMIN, now=now)
    erase_personal(subject="thing:1", reason="asked", by=ADMIN, now=now)
    with pytest.raises(NotFound):
        erase_personal(subject="thing:1", reason="asked", by=ADMIN, now=now)
    assert len(told()) == 1


def test_one_tenants_erasing_does_not_reach_another(acme, globex, now):
    for tenant in (acme, globex):
        with entering(tenant):
            write(now, "thing:1")
    with entering(acme):
        erase_personal(subject="thing:1", reason="asked", by=ADMIN, now=now)
    with entering(globex):
        assert EventPersonal.objects.count() == 1


def test_the_platform_erases_in_the_operators_journal(db, now):
    by = Actor.staff(7, StaffRole.PLATFORM)
    write(now, "thing:1")
    assert erase_personal(subject="thing:1", reason="asked", by=by, now=now) == 1
    assert not OperatorPersonal.objects.filter(
        pk__in=OperatorEvent.objects.filter(subject="thing:1").values("pk")
    ).exists()
    assert verify(PUBLIC)


def test_anonymising_a_user_says_what_was_erased(db, system, now):
    person = {"language": "en", "time_zone": "UTC", "password": None}
    user = services.create_user(email="ada@example.com", name="Ada", by=system, now=now, **person)
    services.anonymise_user(user=user, by=system, now=now)
    lines = OperatorEvent.objects.filter(subject=f"user:{user.pk}").order_by("seq")
    assert [line.verb for line in lines] == ["user.created", "journal.personal_erased", "user.anonymised"]
    assert lines[1].data == {"count": 1, "reason": "anonymised"}
    assert verify(PUBLIC)


# ---- retention ------------------------------------------------------------------------------------------------


def test_what_is_personal_goes_when_its_time_is_over(in_acme, now):
    write(now - 10 * DAY, "thing:1", "thing:2")
    write(now, "thing:3")
    assert erase_expired_personal(before=now - DAY, now=now) == 2
    assert EventPersonal.objects.get().pk == Event.objects.get(subject="thing:3").pk
    assert told() == [("eventhead:1", {"count": 2, "reason": "retention"})]
    assert verify(in_acme.schema_name) == 4
    assert erase_expired_personal(before=now - DAY, now=now) == 0
    assert len(told()) == 1


def test_it_goes_in_batches(in_acme, now, batch_of_two):
    write(now - 10 * DAY, *[f"thing:{number}" for number in range(5)])
    assert erase_expired_personal(before=now, now=now) == 5
    assert [data["count"] for _subject, data in told()] == [2, 2, 1]
    assert not EventPersonal.objects.exists()


@pytest.fixture
def batch_of_two(settings):
    retention = replace(settings.THRESHOLDS.retention, BATCH=2)
    settings.THRESHOLDS = replace(settings.THRESHOLDS, retention=retention)


def test_in_public_it_is_the_operators_journal(db, system, now):
    person = {"language": "en", "time_zone": "UTC", "password": None}
    services.create_user(email="ada@example.com", name="Ada", by=system, now=now, **person)
    assert erase_expired_personal(before=now + DAY, now=now) >= 1
    assert not OperatorPersonal.objects.exists()
    assert verify(PUBLIC)
