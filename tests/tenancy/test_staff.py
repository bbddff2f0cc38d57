"""`manage.py staff`: the first person of an installation, and the way back for the last one."""

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tenancy import services
from tenancy.models import OperatorEvent, User
from tests import factories

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("staff", *args, stdout=out)
    return out.getvalue().strip()


def test_the_first_person_signs_in_with_the_link(public):
    link = urlsplit(run("first@example.com", "--name", "First Person"))
    person = User.objects.get(email="first@example.com")
    assert (person.staff_role, person.has_usable_password()) == ("platform", False)
    assert OperatorEvent.objects.filter(verb="user.created").exists()
    browser = Client(headers={"host": factories.host_of(public)})
    password = {"password": "a long enough phrase", "again": "a long enough phrase"}
    assert browser.post(link.path, password).status_code == 200
    person.refresh_from_db()
    assert person.check_password("a long enough phrase")
    assert browser.get(link.path).status_code == 404, "it works once"


def test_somebody_who_is_there_gets_another_link_and_loses_a_lost_factor(public, users):
    person = users["platform"]
    factories.second_factor(person)
    assert "/account/password/" in run(person.email)
    assert services.has_totp(person)
    run(person.email, "--reset-second-factor", "telephone lost")
    assert not services.has_totp(person)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["new@example.com"], "may not be empty"),
        (["no address", "--name", "X"], "not an email"),
        (["new@example.com", "--name", "X", "--time-zone", "Mars"], "Europe/Istanbul"),
    ],
)
def test_what_cannot_be_is_refused(public, given, why):
    with pytest.raises(CommandError, match=why):
        run(*given)
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_customers_person_is_not_one_of_us(users):
    with pytest.raises(CommandError, match="customer"):
        run(users["admin"].email)
