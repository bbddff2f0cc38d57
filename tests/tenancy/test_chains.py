"""Whatever is done to a chain, verify names the first link that does not hold."""

import threading

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from project.thresholds import with_values
from tenancy import chains
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.errors import BrokenChain
from tenancy.journal.models import Event, EventHead, EventPersonal
from tenancy.rules import Line, Mark, follow, link_hash, personal_hash
from tenancy.transactions import atomic, emit

KEYS = {"2026": b"k" * 32}


def write(now, *verbs, personal=True):
    with atomic():
        for verb in verbs:
            part = {"name": "Ayşe"} if personal else None
            emit(verb, "thing:1", by=Actor.system("tests"), now=now, data={"n": 1.50}, personal=part)


def bend(*statements):
    """Change the journal as a superuser who first takes the triggers away."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE journal_event DISABLE TRIGGER ALL")
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def six(in_acme, now):
    """Lines 1 to 6, each with a personal part, in an otherwise empty journal; the tenant's schema."""
    assert EventHead.objects.get().seq == 0
    write(now, "a", "b", "c", "d", "e", "f")
    return in_acme.schema_name


def broken(schema):
    with pytest.raises(BrokenChain) as found:
        verify(schema)
    return found.value


# ---- the pure walk --------------------------------------------------------------------------------------------


def signed(count):
    """A chain of `count` lines, as dicts that can be bent."""
    rows, previous = [], ""
    for seq in range(1, count + 1):
        part = {"salt": f"salt{seq}", "data": {"name": f"n{seq}"}}
        body = {"seq": seq, "key_id": "2026", "verb": "v", "personal_hash": personal_hash(**_args(part))}
        previous = link_hash(KEYS["2026"], previous=previous, body=body)
        rows.append({"body": body, "hash": previous, "personal": part})
    return rows


def _args(part):
    return {"salt": part["salt"], "personal": part["data"]}


def walk(rows):
    return list(follow([Line(**row) for row in rows], keys=KEYS, after=Mark()))


@given(count=st.integers(0, 12))
def test_a_sound_chain_is_walked_to_its_end(count):
    assert [line.mark.seq for line in walk(signed(count))] == list(range(1, count + 1))


@given(data=st.data(), count=st.integers(2, 12))
def test_no_order_but_the_right_one_holds(data, count):
    rows = signed(count)
    order = data.draw(st.permutations(range(count)))
    first_wrong = next((place for place, was in enumerate(order) if place != was), None)
    if first_wrong is None:
        walk(rows)
        return
    with pytest.raises(BrokenChain) as found:
        walk([rows[place] for place in order])
    assert found.value.seq == first_wrong + 1


@given(
    data=st.data(),
    count=st.integers(1, 12),
    field=st.sampled_from(["verb", "key_id", "personal_hash", "new"]),
)
def test_no_changed_line_holds(data, count, field):
    rows = signed(count)
    place = data.draw(st.integers(0, count - 1))
    rows[place]["body"][field] = "other"
    with pytest.raises(BrokenChain) as found:
        walk(rows)
    assert found.value.seq == place + 1


@given(data=st.data(), count=st.integers(1, 12), missing=st.booleans())
def test_a_personal_part_may_be_missing_and_never_differ(data, count, missing):
    rows = signed(count)
    place = data.draw(st.integers(0, count - 1))
    rows[place]["personal"] = None if missing else {"salt": f"salt{place + 1}", "data": {"name": "x"}}
    if missing:
        assert len(walk(rows)) == count
        return
    with pytest.raises(BrokenChain, match="personal part") as found:
        walk(rows)
    assert found.value.seq == place + 1


def test_a_walk_begins_after_a_mark():
    rows = signed(5)
    after = Mark(2, rows[1]["hash"])
    assert len(list(follow([Line(**row) for row in rows[2:]], keys=KEYS, after=after))) == 3
    with pytest.raises(BrokenChain) as found:
        list(follow([Line(**row) for row in rows[2:]], keys=KEYS, after=Mark(2, "0" * 64)))
    assert found.value.seq == 3


# ---- as superuser ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "id = gen_random_uuid()",
        "at = at + interval '1 microsecond'",
        "actor_kind = 'member'",
        "actor_id = 7",
        "actor_name = 'x'",
        "grant_id = 7",
        "verb = 'x'",
        "subject = 'thing:2'",
        "scope = gen_random_uuid()",
        "data = '{\"n\": 2}'",
        "data = '{}'",
        "result = 'PASS'",
        "log_ref = 'x'",
        "request_id = 'x'",
        "personal_hash = ''",
        "key_id = 'x'",
        "hash = repeat('0', 64)",
    ],
)
def test_no_field_of_a_line_can_be_edited(six, change):
    bend(f"UPDATE journal_event SET {change} WHERE seq = 3")
    assert broken(six).seq == 3


def test_every_field_is_bent_above():
    edited = {"seq"} | {
        mark.split(" = ")[0] for mark in test_no_field_of_a_line_can_be_edited.pytestmark[0].args[1]
    }
    assert edited == {field.attname for field in Event._meta.local_fields}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statements", "seq", "why"),
    [
        (["DELETE FROM journal_event WHERE seq = 3"], 3, "missing"),
        (["DELETE FROM journal_event WHERE seq > 4"], 5, "the head says that 6 is the last; 4 is"),
        (["DELETE FROM journal_event WHERE seq <= 2"], 1, "missing; the next line is 3"),
        (["TRUNCATE journal_event"], 1, "the head says that 6"),
        (["UPDATE journal_eventhead SET seq = 5"], 7, "the head says that 5"),
        (["UPDATE journal_eventhead SET hash = 'x'"], 7, "the head says"),
        (["DELETE FROM journal_eventhead"], 1, "the head is gone"),
        (
            [
                "UPDATE journal_event SET seq = 999 WHERE seq = 3",
                "UPDATE journal_event SET seq = 3 WHERE seq = 4",
                "UPDATE journal_event SET seq = 4 WHERE seq = 999",
            ],
            3,
            "not what was signed",
        ),
        (
            [
                "DELETE FROM journal_event WHERE seq = 3",
                "UPDATE journal_event SET seq = seq - 1 WHERE seq > 3",
            ],
            3,
            "not what was signed",
        ),
        (
            [
                "INSERT INTO journal_event SELECT gen_random_uuid(), 7, at, actor_kind, actor_id, actor_name,"
                " grant_id, 'forged', subject, data, result, log_ref, request_id, '', key_id, repeat('0', 64), scope"
                " FROM journal_event WHERE seq = 6",
                "UPDATE journal_eventhead SET seq = 7, hash = repeat('0', 64)",
            ],
            7,
            "not what was signed",
        ),
        (["UPDATE journal_eventpersonal SET data = '{}'"], 1, "personal part"),
        (["UPDATE journal_eventpersonal SET salt = 'x'"], 1, "personal part"),
        (
            [
                'UPDATE journal_eventpersonal p SET data = \'{"name": "Veli"}\''
                " FROM journal_event e WHERE e.id = p.event_id AND e.seq = 5"
            ],
            5,
            "personal part",
        ),
    ],
)
def test_what_a_superuser_bends_is_found_at_its_first_link(six, statements, seq, why):
    bend(*statements)
    found = broken(six)
    assert (found.seq, why in found.why) == (seq, True), found


@pytest.mark.django_db
def test_a_personal_part_cannot_be_given_to_a_line_without_one(in_acme, now):
    write(now, "a", personal=False)
    EventPersonal.objects.create(event_id=Event.objects.get(seq=1).pk, salt="s", data={})
    assert "personal part" in broken(in_acme.schema_name).why


@pytest.mark.django_db
def test_a_front_that_is_cut_with_the_base_set_is_found(six):
    """The base is a column that a superuser can write; no signed line accounts for it."""
    bend(
        "UPDATE journal_eventhead SET base_seq = 3, base_hash = (SELECT hash FROM journal_event WHERE seq = 3)",
        "DELETE FROM journal_event WHERE seq <= 3",
    )
    found = broken(six)
    assert (found.seq, "account for all through 0" in found.why) == (1, True)
    # Nor does a line that he cannot sign.
    bend("UPDATE journal_event SET verb = 'journal.pruned' WHERE seq = 4")
    assert broken(six).seq == 4


@pytest.mark.django_db
def test_a_base_over_a_whole_chain_is_found(six):
    bend(
        "UPDATE journal_eventhead SET base_seq = 3, base_hash = (SELECT hash FROM journal_event WHERE seq = 3)"
    )
    assert "missing" in broken(six).why


# ---- keys -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_keys_rotate_and_an_old_one_that_is_missing_is_named(in_acme, now, settings):
    settings.JOURNAL_KEYS = {"2026": b"o" * 32}
    write(now, "a", "b")
    settings.JOURNAL_KEYS = {"2027": b"n" * 32, "2026": b"o" * 32}
    write(now, "c")
    assert list(Event.objects.order_by("seq").values_list("key_id", flat=True)) == ["2026", "2026", "2027"]
    assert verify(in_acme.schema_name) == 3
    settings.JOURNAL_KEYS = {"2027": b"n" * 32}
    found = broken(in_acme.schema_name)
    assert (found.seq, found.why) == (1, "signed with the unknown key '2026'")
    settings.JOURNAL_KEYS = {"2027": b"n" * 32, "2026": b"x" * 32}
    assert broken(in_acme.schema_name).seq == 1


# ---- many lines, several writers ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_journal_is_walked_in_pieces(in_acme, now, settings, django_assert_num_queries):
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"retention.READ_ROWS": 2})
    write(now, "a", "b", "c", "d", "e")
    with django_assert_num_queries(4):  # a savepoint and its release, the head, the lines with their parts
        assert verify(in_acme.schema_name) == 5


@pytest.mark.django_db
def test_journals_are_listed_with_the_operators_first(tenants):
    assert [journal.name for journal in chains.journals()] == ["operators", "acme", "globex", "pilot"]
    assert [journal.schema for journal in chains.journals(operators=True)] == [PUBLIC]
    assert [journal.tenant_id for journal in chains.journals(tenant="acme")] == [tenants["acme"].pk]
    assert chains.journals(tenant="public") == []


def test_who_verifies_sees_one_moment_and_holds_nobody_up(committed, now):
    with committed() as tenant:
        with entering(tenant):
            write(now, "a", "b")

        def append():
            with entering(tenant):
                write(now, "c")
            connection.close()

        with entering(tenant), chains._one_moment():
            assert verify(tenant.schema_name) == 2
            other = threading.Thread(target=append)
            other.start()
            other.join(timeout=60)
            assert not other.is_alive()
            assert verify(tenant.schema_name) == 2
        assert verify(tenant.schema_name) == 3
