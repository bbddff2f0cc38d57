"""Old lines go into an archive and the chain begins after them; nothing else can delete a line."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from tenancy import chains
from tenancy.actors import Actor
from tenancy.chains import prune, read_archive, verify
from tenancy.context import PUBLIC
from tenancy.errors import BrokenChain, Conflict, Invalid, NotAllowed
from tenancy.journal.models import Event, EventHead, EventPersonal
from tenancy.models import OperatorEvent, OperatorHead
from tenancy.states import Role
from tenancy.transactions import TENANT, atomic
from tests.tenancy.test_chains import bend, broken, write

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def journal(in_acme, now):
    """Lines 1 to 3 of ten days ago and 4 to 6 of today."""
    write(now - 10 * DAY, "a", "b", "c")
    write(now, "d", "e", "f")
    return chains.journals(tenant="acme")[0]


@pytest.fixture
def pruned(journal, tmp_path, now, system):
    """What is left: 4 to 6, and the line 7 that says so."""
    return prune(journal, before=now - DAY, folder=tmp_path, by=system, now=now)


def run(command, *args):
    said = io.StringIO()
    code = 0
    try:
        call_command(command, *args, stdout=said, stderr=said)
    except CommandError as error:
        said.write(str(error))
        code = error.returncode
    return code, said.getvalue()


# ---- what it does ---------------------------------------------------------------------------------------------


def test_old_lines_move_into_the_archive_and_the_chain_goes_on(journal, pruned, now):
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == [4, 5, 6, 7]
    assert EventPersonal.objects.count() == 3
    head = EventHead.objects.get()
    assert (head.seq, head.base_seq, head.base_hash) == (7, 3, pruned.through.hash)
    line = Event.objects.get(seq=7)
    assert (line.verb, line.subject) == ("journal.pruned", "eventhead:1")
    assert line.data == {
        "through": 3,
        "hash": pruned.through.hash,
        "count": 3,
        "sha256": pruned.sha256,
        "archive": pruned.path.name,
    }
    assert verify(journal.schema) == 4
    write(now, "g")
    assert verify(journal.schema) == 5


def test_the_archive_holds_the_lines_with_their_personal_parts(pruned):
    title, *lines = [json.loads(row) for row in pruned.path.read_text().splitlines()]
    assert title["journal"] == "acme"
    assert [line["body"]["verb"] for line in lines] == ["a", "b", "c"]
    assert [line["personal"]["data"] for line in lines] == [{"name": "Ayşe"}] * 3
    assert pruned.path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in pruned.path.parent.iterdir()] == [pruned.path.name]


def test_pruning_goes_on_where_it_ended(journal, pruned, tmp_path, now, system):
    later = now + 5 * DAY
    write(later, "g")
    second = prune(journal, before=now + DAY, folder=tmp_path, by=system, now=later)
    assert (second.after, second.through.seq) == (pruned.through, 7)
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == [8, 9]
    assert verify(journal.schema) == 2
    assert chains.naming(second, journal.schema)["count"] == 4
    assert chains.naming(pruned, journal.schema) is None  # the line that did is in the second archive


def test_a_whole_journal_can_be_pruned(journal, tmp_path, now, system):
    prune(journal, before=now + DAY, folder=tmp_path, by=system, now=now + 2 * DAY)
    assert list(Event.objects.values_list("seq", "verb")) == [(7, "journal.pruned")]
    assert verify(journal.schema) == 1


def test_a_young_line_keeps_the_older_ones_behind_it(in_acme, tmp_path, now, system):
    """Only a front can be cut: time may jump, the order of the lines does not."""
    write(now - 10 * DAY, "a")
    write(now, "b")
    write(now - 9 * DAY, "c")
    journal = chains.journals(tenant="acme")[0]
    assert prune(journal, before=now - DAY, folder=tmp_path, by=system, now=now).through.seq == 1


def test_nothing_old_enough_writes_nothing(journal, tmp_path, now, system):
    assert prune(journal, before=now - 20 * DAY, folder=tmp_path, by=system, now=now) is None
    assert list(tmp_path.iterdir()) == []
    assert EventHead.objects.get().seq == 6


def test_the_operators_journal_is_pruned_alike(tmp_path, now, system, db):
    [ours] = chains.journals(operators=True)
    assert OperatorHead.objects.get().seq
    archive = prune(ours, before=now + DAY, folder=tmp_path, by=system, now=now + 2 * DAY)
    assert archive.count == archive.through.seq
    assert [line.verb for line in OperatorEvent.objects.all()] == ["journal.pruned"]
    assert verify(PUBLIC) == 1


# ---- what it refuses ------------------------------------------------------------------------------------------


def test_a_broken_chain_is_not_pruned(journal, tmp_path, now, system):
    bend("UPDATE journal_event SET verb = 'x' WHERE seq = 5")
    with pytest.raises(BrokenChain):
        prune(journal, before=now - DAY, folder=tmp_path, by=system, now=now)
    assert Event.objects.count() == 6
    assert list(tmp_path.iterdir()) == []


def test_only_the_platform_and_the_past(journal, tmp_path, now, system):
    for by in (Actor.member(1, Role.ADMIN), Actor.support(1, grant_id=1, writes=True)):
        with pytest.raises(NotAllowed):
            prune(journal, before=now - DAY, folder=tmp_path, by=by, now=now)
    with pytest.raises(Invalid):
        prune(journal, before=now + DAY, folder=tmp_path, by=system, now=now)


def test_no_folder_no_pruning(journal, tmp_path, now, system):
    with pytest.raises(FileNotFoundError):
        prune(journal, before=now - DAY, folder=tmp_path / "none", by=system, now=now)
    assert Event.objects.count() == 6


def test_one_of_two_who_prune_at_once_is_refused(pruned):
    with pytest.raises(Conflict), atomic(savepoint=True):
        chains._delete(TENANT, pruned)


# ---- the triggers ---------------------------------------------------------------------------------------------


def refused(statement):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_event SET verb = 'x' WHERE seq = 1",
        "TRUNCATE journal_event",
        "DELETE FROM journal_event WHERE seq = 4",
        "DELETE FROM journal_event",
    ],
)
def test_even_while_pruning_all_else_is_refused(journal, statement):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hypercare.prune_through', '3', true)")
    refused(statement)
    assert Event.objects.count() == 6
    assert Event.objects.filter(seq__lte=3).delete()[0] == 3


@pytest.mark.parametrize("through", [None, "", "0"])
def test_without_a_limit_no_line_is_deleted(journal, through):
    if through is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('hypercare.prune_through', %s, true)", [through])
    refused("DELETE FROM journal_event WHERE seq = 1")


def test_the_limit_ends_with_the_pruning(pruned):
    refused("DELETE FROM journal_event WHERE seq = 4")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('hypercare.prune_through', true)")
        assert cursor.fetchone() == ("",)


# ---- the base is vouched for ----------------------------------------------------------------------------------


def test_a_front_cut_further_than_the_pruned_line_says_is_found(journal, pruned):
    bend(
        "UPDATE journal_eventhead SET base_seq = 5, base_hash = (SELECT hash FROM journal_event WHERE seq = 5)",
        "DELETE FROM journal_event WHERE seq <= 5",
    )
    assert broken(journal.schema).seq == 4


def test_a_front_cut_without_the_base_is_found(journal, pruned):
    bend("DELETE FROM journal_event WHERE seq <= 5")
    assert broken(journal.schema).seq == 4


def test_a_front_cut_with_the_line_that_told_of_it_is_found(journal, pruned, now):
    write(now, "g", "h")
    bend(
        "UPDATE journal_eventhead SET base_seq = 8, base_hash = (SELECT hash FROM journal_event WHERE seq = 8)",
        "DELETE FROM journal_event WHERE seq <= 8",
    )
    assert broken(journal.schema).seq == 1


@pytest.mark.parametrize("change", ["base_seq = 2", "base_seq = 0, base_hash = ''", "base_hash = 'x'"])
def test_a_base_that_is_changed_is_found(journal, pruned, change):
    bend(f"UPDATE journal_eventhead SET {change}")
    broken(journal.schema)


# ---- archives -------------------------------------------------------------------------------------------------


def rewrite(path, change):
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        (lambda rows: rows[2]["body"].update(verb="x"), 2),
        (lambda rows: rows[2]["personal"]["data"].update(name="x"), 2),
        (lambda rows: rows.pop(2), 2),
        (lambda rows: rows.pop(), 3),
        (lambda rows: rows.append(rows[1]), 4),
        (lambda rows: rows[0]["after"].update(seq=1), 2),
        (lambda rows: rows[0]["through"].update(hash="0" * 64), 4),
        (lambda rows: rows[2].pop("hash"), 2),
        (lambda rows: rows[2].update(body=[]), 2),
        (lambda rows: rows[2].update(personal={}), 2),
        (lambda rows: rows[2]["body"].pop("key_id"), 2),
        (lambda rows: rows[0].pop("journal"), 4),
        (lambda rows: rows[0].pop("after"), 1),
        (lambda rows: rows[0]["after"].update(seq="x"), 1),
        (lambda rows: rows.clear(), 1),
    ],
)
def test_an_archive_that_was_changed_is_found(pruned, change, seq):
    rewrite(pruned.path, change)
    with pytest.raises(BrokenChain) as found:
        read_archive(pruned.path)
    assert found.value.seq == seq


def test_what_is_no_text_is_no_archive(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BrokenChain):
        read_archive(tmp_path / "x")


def test_an_archive_whose_personal_parts_were_erased_still_verifies(journal, pruned):
    rewrite(pruned.path, lambda rows: rows[1].update(personal=None))
    archive = read_archive(pruned.path)
    assert archive.sha256 != pruned.sha256
    code, said = run("verify_journal", "--tenant", "acme", "--archive", str(pruned.path))
    assert code == 0
    assert "personal parts were taken out since" in said


def test_an_archive_is_verified_offline_and_against_its_journal(journal, pruned):
    code, said = run("verify_journal", "--archive", str(pruned.path))
    assert (code, said) == (0, f"{pruned.path.name}: 3 links hold, 1 to 3\n")
    code, said = run("verify_journal", "--tenant", "acme", "--archive", str(pruned.path))
    assert code == 0
    assert said.splitlines() == [
        "acme: 4 links hold",
        f"{pruned.path.name}: 3 links hold, 1 to 3",
        f"{pruned.path.name}: named by acme's journal, byte for byte",
    ]


def test_an_archive_of_another_journal_is_not_named(pruned, globex):
    code, said = run("verify_journal", "--tenant", "globex", "--archive", str(pruned.path))
    assert code == 1
    assert "no line of globex's journal names it" in said
    assert "Broken: archive" in said


def test_archives_are_verified_as_one_chain(journal, pruned, tmp_path, now, system):
    later = now + 5 * DAY
    write(later, "g")
    second = prune(journal, before=now + DAY, folder=tmp_path, by=system, now=later)
    first, second = str(pruned.path), str(second.path)
    assert run("verify_journal", "--tenant", "acme", "--archive", first, second)[0] == 0
    code, said = run("verify_journal", "--tenant", "acme", "--archive", second, first)
    assert code == 1
    assert "does not go on where" in said


def test_an_archive_that_is_broken_is_named(pruned):
    rewrite(pruned.path, lambda rows: rows[2]["body"].update(verb="x"))
    code, said = run("verify_journal", "--archive", str(pruned.path))
    assert code == 1
    assert f"{pruned.path.name}: broken at seq 2: its content" in said
    assert run("verify_journal", "--archive", str(pruned.path) + ".none")[0] == 1


# ---- the command ----------------------------------------------------------------------------------------------


def test_the_command_prunes_and_says_so(journal, tmp_path, now):
    day = f"{now - DAY:%Y-%m-%d}"
    code, said = run("prune_journal", "--tenant", "acme", "--before", day, "--archive", str(tmp_path))
    assert code == 0
    assert said.startswith("acme: 3 lines pruned, through 3, to ")
    assert Event.objects.get(verb="journal.pruned").actor_name == "prune_journal"
    code, said = run("prune_journal", "--tenant", "acme", "--before", day, "--archive", str(tmp_path))
    assert (code, said) == (0, "acme: nothing is that old\n")


def test_the_command_keeps_what_is_younger_than_the_threshold(journal, tmp_path, settings):
    assert settings.THRESHOLDS.retention.JOURNAL_DAYS > 365
    code, said = run("prune_journal", "--all", "--archive", str(tmp_path))
    assert code == 0
    assert said.count("nothing is that old") == 4
    assert Event.objects.count() == 6


def test_the_command_names_what_it_could_not_prune_and_goes_on(journal, tmp_path):
    bend("UPDATE journal_event SET verb = 'x' WHERE seq = 2")
    code, said = run("prune_journal", "--all", "--days", "0", "--archive", str(tmp_path))
    assert code == 1
    assert "acme: broken at seq 2" in said
    assert "operators: " in said
    assert "lines pruned" in said
    assert said.endswith("Not pruned: acme")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tenant", "acme"],
        ["--archive", "x"],
        ["--tenant", "acme", "--archive", "x", "--before", "yesterday"],
        ["--tenant", "acme", "--archive", "x", "--before", "2026-01-01", "--days", "3"],
        ["--tenant", "nobody", "--archive", "x"],
    ],
)
def test_the_command_refuses_what_it_cannot_understand(db, arguments):
    assert run("prune_journal", *arguments)[0] == 1


@pytest.mark.parametrize("arguments", [[], ["--all", "--archive", "x"], ["--tenant", "nobody"]])
def test_verify_journal_refuses_what_it_cannot_understand(db, arguments):
    assert run("verify_journal", *arguments)[0] == 1
