"""Exported heads find what a chain cannot say about itself: that its tail was cut, with the head or without."""

import base64
import hashlib
import logging
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenancy import chains, services
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.journal.models import EventHead
from tenancy.models import OperatorEvent, OperatorHead, Tenant
from tests.tenancy.test_chains import bend, write
from tests.tenancy.test_journal_pruning import run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def export_key(settings):
    settings.JOURNAL_EXPORT_KEY = b"e" * 32


@pytest.fixture
def six(acme, now):
    with entering(acme):
        write(now, "a", "b", "c", "d", "e", "f")
    return acme


@pytest.fixture
def exported(six, tmp_path, now, system):
    """The file of heads, exported when acme had six lines."""
    chains.export_heads(folder=tmp_path, by=system, now=now)
    return tmp_path / "heads-20261118T090000Z.jws"


def in_acme(acme, *statements):
    with entering(acme):
        bend(*statements)


def check(path, *more):
    return run("verify_journal", "--heads", str(path), *more)


# ---- export ---------------------------------------------------------------------------------------------------


def test_the_heads_of_all_journals_are_signed_logged_and_written(six, tmp_path, now, system, caplog):
    operators = OperatorHead.objects.get()
    with caplog.at_level(logging.INFO, logger="tenancy.chains"):
        done = chains.export_heads(folder=tmp_path, by=system, now=now)
    assert (done.count, done.faults) == (4, {})
    [path] = tmp_path.iterdir()
    assert path.name == "heads-20261118T090000Z.jws"
    assert path.read_text() == done.token + "\n"
    assert [record.getMessage() for record in caplog.records] == [f"journal heads: {done.token}"]

    key = Ed25519PrivateKey.from_private_bytes(b"e" * 32).public_key()
    assert (
        jwt.get_unverified_header(done.token)["kid"]
        == hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
    )
    claims = jwt.decode(done.token, key, algorithms=["EdDSA"])
    assert claims["at"] == now.isoformat()
    heads = {head["journal"]: head for head in claims["heads"]}
    assert list(heads) == ["operators", "acme", "globex", "pilot"]
    with entering(six):
        head = EventHead.objects.get()
    assert heads["acme"] == {
        "journal": "acme",
        "tenant": six.pk,
        "schema": "t_acme",
        "seq": 6,
        "hash": head.hash,
        "key_id": "dev",
        "at": now.isoformat(),
    }
    assert (heads["operators"]["tenant"], heads["operators"]["hash"]) == (None, operators.hash)
    assert (heads["globex"]["seq"], heads["globex"]["at"]) == (0, None)

    line = OperatorEvent.objects.get(verb="journal.heads_exported")
    assert line.seq == operators.seq + 1
    assert line.data == {"sha256": hashlib.sha256(done.token.encode()).hexdigest(), "count": 4}
    assert verify(PUBLIC)


def test_without_a_folder_the_log_is_the_copy(six, now, system, caplog):
    with caplog.at_level(logging.INFO, logger="tenancy.chains"):
        token = chains.export_heads(folder=None, by=system, now=now).token
    assert token in caplog.text


def test_a_journal_without_a_sound_head_is_named_and_the_others_exported(six, tmp_path):
    in_acme(six, "DELETE FROM journal_event WHERE seq > 4")
    code, said = run("export_heads", "--dir", str(tmp_path))
    assert code == 1
    assert "3 heads exported" in said
    assert "acme: broken at seq 6" in said
    [path] = tmp_path.iterdir()
    assert check(path)[0] == 0


def test_no_folder_no_export(six, tmp_path):
    code, said = run("export_heads", "--dir", str(tmp_path / "none"))
    assert code == 1
    assert "Not exported" in said
    assert not OperatorEvent.objects.filter(verb="journal.heads_exported").exists()


# ---- comparison -----------------------------------------------------------------------------------------------


def test_chains_that_went_on_still_hold_what_was_exported(exported, six, now):
    with entering(six):
        write(now, "g")
    code, said = check(exported)
    assert code == 0
    assert said.splitlines()[1:] == [
        "acme: line 6: is in its chain",
        "globex: line 0: is in its chain",
        "pilot: line 0: is in its chain",
    ]
    assert run("verify_journal", "--all", "--heads", str(exported))[0] == 0


def test_a_tail_cut_with_its_head_verifies_and_is_found_by_the_export(exported, six):
    in_acme(
        six,
        "DELETE FROM journal_event WHERE seq > 4",
        "UPDATE journal_eventhead SET seq = 4, hash = (SELECT hash FROM journal_event WHERE seq = 4)",
    )
    assert verify(six.schema_name) == 4
    code, said = check(exported)
    assert code == 1
    assert "acme: line 6: it is gone: the tail was cut" in said
    assert said.endswith("Broken: heads")


def test_a_journal_emptied_with_its_head_is_found(exported, six):
    in_acme(six, "TRUNCATE journal_event", "UPDATE journal_eventhead SET seq = 0, hash = ''")
    assert verify(six.schema_name) == 0
    assert "acme: line 6: it is gone" in check(exported)[1]


def test_a_tail_written_anew_with_the_key_is_found(exported, six, now):
    """Whoever has the application's key can sign other lines; not bring back the hash that is outside."""
    in_acme(
        six,
        "DELETE FROM journal_event WHERE seq > 4",
        "UPDATE journal_eventhead SET seq = 4, hash = (SELECT hash FROM journal_event WHERE seq = 4)",
    )
    with entering(six):
        write(now, "x", "y", "z")
    assert verify(six.schema_name) == 7
    code, said = check(exported)
    assert code == 1
    assert "acme: line 6: another line is in its place" in said


@pytest.mark.parametrize(("lines_after", "says"), [(0, "is in its chain"), (1, "pruned, with all through 7")])
def test_pruned_lines_are_no_fault(exported, six, tmp_path, now, system, lines_after, says):
    with entering(six):
        write(now, *["g"] * lines_after)
    [journal] = chains.journals(tenant="acme")
    chains.prune(journal, before=now + DAY, folder=tmp_path, by=system, now=now + 2 * DAY)
    code, said = check(exported)
    assert code == 0
    assert f"acme: line 6: {says}" in said


def test_a_base_that_is_not_what_was_exported_is_found(exported, six, tmp_path, now, system):
    [journal] = chains.journals(tenant="acme")
    chains.prune(journal, before=now + DAY, folder=tmp_path, by=system, now=now + 2 * DAY)
    in_acme(six, "UPDATE journal_eventhead SET base_hash = repeat('0', 64)")
    assert "acme: line 6: another line is in its place" in check(exported)[1]


def test_a_purged_tenant_is_named_and_no_fault(exported, six, now, system):
    services.suspend_tenant(tenant=six, reason="over", by=system, now=now)
    services.purge_tenant(tenant=six, typed_slug="acme", by=system, now=now)
    services.create_tenant(slug="acme", name="Another", by=system, now=now)
    code, said = check(exported)
    assert code == 0
    assert "acme: line 6: purged at 2026-11-18 09:00 UTC" in said


def test_a_tenant_that_is_gone_without_a_word_is_a_fault(exported, six, now):
    Tenant.objects.filter(pk=six.pk).update(state="purged", purged_at=now, schema_name="purged_1")
    code, said = check(exported)
    assert code == 1
    assert "acme: line 6: the tenant is gone" in said


def test_a_schema_that_is_gone_is_a_fault_and_the_others_are_compared(exported, six):
    Tenant.objects.filter(pk=six.pk).update(schema_name="t_elsewhere")
    code, said = check(exported)
    assert code == 1
    assert "acme: line 6: cannot be read" in said
    assert "globex: line 0: is in its chain" in said


# ---- keys -----------------------------------------------------------------------------------------------------


def test_the_public_key_verifies_after_ours_has_changed(exported, settings):
    code, said = run("export_heads", "--public-key")
    assert code == 0
    old = said.strip()
    assert len(base64.b64decode(old)) == 32
    settings.JOURNAL_EXPORT_KEY = b"n" * 32
    code, said = check(exported)
    assert code == 1
    assert "not signed with this key" in said
    assert check(exported, "--key", old)[0] == 0


@pytest.mark.parametrize("key", ["x", base64.b64encode(b"short").decode()])
def test_what_is_no_key_is_refused(exported, key):
    assert check(exported, "--key", key)[0] == 1


def test_a_changed_export_is_refused(exported, tmp_path):
    header, payload, signature = exported.read_text().strip().split(".")
    claims = base64.urlsafe_b64decode(payload + "==").replace(b'"seq":6', b'"seq":4')
    forged = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    assert forged != payload
    (tmp_path / "forged.jws").write_text(".".join((header, forged, signature)))
    code, said = check(tmp_path / "forged.jws")
    assert code == 1
    assert "not signed with this key" in said


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_no_other_signature_is_believed(exported, tmp_path, algorithm, settings):
    claims = {"at": "x", "heads": []}
    key = None if algorithm == "none" else chains.public_key() * 2
    (tmp_path / "other.jws").write_text(jwt.encode(claims, key, algorithm=algorithm))
    assert check(tmp_path / "other.jws")[0] == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    code, said = check(tmp_path / "none.jws")
    assert code == 1
    assert "none.jws" in said
