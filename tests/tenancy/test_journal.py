import pytest
from django.db import DatabaseError, connection, transaction

from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.errors import BrokenChain
from tenancy.journal.models import Event, EventHead, EventPersonal
from tenancy.models import OperatorEvent
from tenancy.transactions import atomic, emit

pytestmark = pytest.mark.django_db


def write(now, system, *verbs):
    with atomic():
        for verb in verbs:
            emit(verb, "thing:1", by=system, now=now, data={"n": 1.50, "at": now}, personal={"name": "Ayşe"})


def bend(statement):
    """Change the journal as a superuser who first takes the triggers away."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE journal_event DISABLE TRIGGER ALL")
        cursor.execute(statement)


def test_lines_get_seq_in_order_and_the_chain_holds(in_acme, now, system):
    before = verify(in_acme.schema_name)
    write(now, system, "a", "b")
    write(now, system, "c")
    assert list(Event.objects.order_by("seq").values_list("verb", flat=True))[before:] == ["a", "b", "c"]
    assert verify(in_acme.schema_name) == before + 3


def test_a_savepoint_that_rolls_back_takes_its_lines_with_it(in_acme, now, system):
    with atomic():
        emit("kept", "thing:1", by=system, now=now)
        with pytest.raises(ZeroDivisionError), atomic(savepoint=True):
            emit("lost", "thing:1", by=system, now=now)
            raise ZeroDivisionError
        emit("kept too", "thing:1", by=system, now=now)
    assert not Event.objects.filter(verb="lost").exists()
    assert Event.objects.filter(verb__startswith="kept").count() == 2


def test_a_transaction_that_rolls_back_leaves_nothing_for_the_next(in_acme, now, system):
    with pytest.raises(ZeroDivisionError), atomic():
        emit("lost", "thing:1", by=system, now=now)
        raise ZeroDivisionError
    write(now, system, "next")
    assert not Event.objects.filter(verb="lost").exists()


def test_nothing_is_emitted_outside_a_transaction(in_acme, now, system):
    with pytest.raises(RuntimeError, match="outside"):
        emit("a", "thing:1", by=system, now=now)


def test_one_transaction_can_tell_the_tenant_and_the_operators(acme, now, system):
    before = OperatorEvent.objects.count()
    with atomic():
        emit("told operators", "thing:1", by=system, now=now)
        with entering(acme):
            emit("told tenant", "thing:1", by=system, now=now)
    with entering(acme):
        assert Event.objects.get(verb="told tenant")
        assert not OperatorEvent.objects.filter(verb="told tenant").exists()
    assert OperatorEvent.objects.count() == before + 1
    verify(PUBLIC)
    verify(acme.schema_name)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal_event SET verb = 'x'", "DELETE FROM journal_event", "TRUNCATE journal_event"],
)
def test_the_database_refuses_to_change_a_line(in_acme, now, system, statement):
    write(now, system, "a")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "UPDATE journal_event SET verb = 'x' WHERE seq = (SELECT max(seq) - 1 FROM journal_event)",
            "not what was signed",
        ),
        (
            "UPDATE journal_event SET data = '{\"n\": 2}' WHERE seq = (SELECT max(seq) - 1 FROM journal_event)",
            "not what was signed",
        ),
        (
            "UPDATE journal_event SET at = at + interval '1 s' WHERE seq = (SELECT max(seq) - 1 FROM journal_event)",
            "not what was signed",
        ),
        ("DELETE FROM journal_event WHERE seq = (SELECT max(seq) - 1 FROM journal_event)", "missing"),
        ("DELETE FROM journal_event WHERE seq = (SELECT max(seq) FROM journal_event)", "the head says"),
        (
            "UPDATE journal_event SET key_id = 'other' WHERE seq = (SELECT max(seq) - 1 FROM journal_event)",
            "unknown key",
        ),
        (
            "UPDATE journal_eventpersonal SET data = '{}' WHERE event_id ="
            " (SELECT id FROM journal_event WHERE seq = (SELECT max(seq) - 1 FROM journal_event))",
            "personal part",
        ),
    ],
)
def test_what_a_superuser_bends_is_found_and_named(in_acme, now, system, statement, why):
    write(now, system, "a", "b", "c")
    last = EventHead.objects.get().seq
    bend(statement)
    with pytest.raises(BrokenChain, match=why) as broken:
        verify(in_acme.schema_name)
    assert broken.value.seq in (last, last - 1)


def test_reordered_lines_are_found(in_acme, now, system):
    write(now, system, "a", "b", "c")
    last = EventHead.objects.get().seq
    bend(f"UPDATE journal_event SET seq = 999999 WHERE seq = {last}")
    bend(f"UPDATE journal_event SET seq = {last} WHERE seq = {last - 1}")
    bend(f"UPDATE journal_event SET seq = {last - 1} WHERE seq = 999999")
    with pytest.raises(BrokenChain) as broken:
        verify(in_acme.schema_name)
    assert broken.value.seq == last - 1


def test_erasing_the_personal_part_leaves_the_chain_valid(in_acme, now, system):
    write(now, system, "a")
    EventPersonal.objects.all().delete()
    assert verify(in_acme.schema_name) > 0


def test_the_first_key_signs_and_older_keys_still_verify(in_acme, now, system, settings):
    settings.JOURNAL_KEYS = {"2026": b"old"}
    bend("DELETE FROM journal_event")
    EventHead.objects.update(seq=0, hash="")
    write(now, system, "a")
    settings.JOURNAL_KEYS = {"2027": b"new", "2026": b"old"}
    write(now, system, "b")
    assert list(Event.objects.order_by("seq").values_list("key_id", flat=True)) == ["2026", "2027"]
    assert verify(in_acme.schema_name) == 2
