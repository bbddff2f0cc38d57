"""Tickets open what they were made for, and nothing else."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.core import signing
from django.test import override_settings

from tenancy.live import Refused, Ticket, check, seal
from tests.conftest import NOW

HOST = "acme.localhost"
LATER = NOW + timedelta(seconds=60)
SCOPES = frozenset(UUID(int=number) for number in range(3))
TICKET = Ticket("t_acme", HOST, 12, SCOPES, is_ours=False)


@pytest.mark.parametrize(
    "ticket", [TICKET, replace(TICKET, is_ours=True), replace(TICKET, scopes=frozenset())], ids=str
)
def test_a_ticket_comes_back_as_it_was(ticket: Ticket) -> None:
    assert check(seal(ticket, expires_at=LATER), host=HOST, now=NOW) == ticket


@pytest.mark.parametrize(
    ("host", "now"),
    [
        ("globex.localhost", NOW),
        ("localhost", NOW),
        (HOST, LATER),
        (HOST, LATER + timedelta(days=1)),
    ],
)
def test_another_host_and_a_later_time_are_refused(host: str, now: datetime) -> None:
    with pytest.raises(Refused):
        check(seal(TICKET, expires_at=LATER), host=host, now=now)


@pytest.mark.parametrize("text", ["", "x", ":", "e30:", "e30:x", "\0", "é" * 10, "." * 10_000])
def test_what_is_no_ticket_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        check(text, host=HOST, now=NOW)


def test_no_byte_of_a_ticket_can_be_changed() -> None:
    sealed = seal(TICKET, expires_at=LATER)
    for at, letter in enumerate(sealed[:-1]):  # the last one has bits that base64 does not read
        with pytest.raises(Refused):
            check(sealed[:at] + ("B" if letter == "A" else "A") + sealed[at + 1 :], host=HOST, now=NOW)


def test_what_we_signed_for_something_else_is_refused() -> None:
    with pytest.raises(Refused):
        check(signing.Signer(salt="else").sign_object({"h": HOST}), host=HOST, now=NOW)


def test_a_key_that_is_being_changed_still_opens() -> None:
    with override_settings(SECRET_KEY="old"):
        sealed = seal(TICKET, expires_at=LATER)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert check(sealed, host=HOST, now=NOW) == TICKET
    with override_settings(SECRET_KEY="new"), pytest.raises(Refused):
        check(sealed, host=HOST, now=NOW)


def test_a_ticket_of_many_projects_fits_into_a_url() -> None:
    many = replace(TICKET, scopes=frozenset(uuid4() for _ in range(250)))
    assert len(seal(many, expires_at=LATER)) < 8000
