"""Who the consoles open to."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tenancy import services
from tenancy.context import entering
from tests import factories

pytestmark = pytest.mark.django_db

INCIDENTS = "/admin/hypercare/incident/"


def test_anonymous_is_sent_to_sign_in_on_both_hosts(acme, public):
    for tenant in (acme, public):
        response = Client(headers={"host": factories.host_of(tenant)}).get("/admin/")
        assert response.status_code == 302
        assert response.url == "/admin/login/?next=/admin/"


def test_sign_in_page_names_the_tenant_and_asks_for_an_email(acme):
    page = Client(headers={"host": factories.host_of(acme)}).get("/admin/login/").content.decode()
    assert acme.name in page
    assert 'type="email"' in page
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page


def sign_in(tenant, email, password=factories.PASSWORD):
    client = Client(headers={"host": factories.host_of(tenant)})
    return client, client.post("/admin/login/?next=/admin/", {"username": email, "password": password})


def test_agent_signs_in_and_out(acme, users):
    client, response = sign_in(acme, users["agent"].email)
    assert response.status_code == 302
    assert client.get("/admin/").status_code == 200
    client.post("/admin/logout/")
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("role", ["support", "release", "platform"])
def test_staff_sign_in_on_the_public_host_with_a_code(public, users, role, now):
    secret = factories.second_factor(users[role])
    client, response = sign_in(public, users[role].email)
    assert response.url == "/account/code/"
    assert client.get("/admin/").status_code == 302, "the password alone opens nothing"
    response = client.post("/account/code/", {"code": services.current_code(secret, now=now)})
    assert response.url == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_wrong_password_and_unknown_email_read_the_same(acme, users):
    texts = []
    for email, password in ((users["agent"].email, "wrong"), ("nobody@example.com", "wrong")):
        _client, response = sign_in(acme, email, password)
        assert response.status_code == 200
        texts.append(response.context["form"].non_field_errors())
    assert texts[0] == texts[1]
    assert acme.name in texts[0][0]


def test_customer_signs_in_and_goes_on_to_the_app(acme, users):
    client, response = sign_in(acme, users["customer"].email)
    assert (response.status_code, response.url) == (302, "/")
    assert client.get("/admin/").status_code == 302, "the console is not theirs"


def test_member_of_another_tenant_does_not_sign_in(globex, users):
    client, response = sign_in(globex, users["customer"].email)
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()
    assert client.get("/api/v1/me").status_code == 401


def test_customer_with_a_session_is_kept_out(acme, users, browser):
    client = browser(acme, users["customer"])
    for path in ("/admin/", INCIDENTS):
        assert client.get(path).status_code == 302
    for path in ("/admin/login/", "/admin/login/?next=/admin/"):
        assert client.get(path).url == "/", "they are led to what is theirs"
    assert client.get("/admin/login/?next=/p/ATLAS").url == "/p/ATLAS"


@pytest.mark.parametrize("role", ["agent", "manager", "admin"])
def test_those_who_handle_incidents_see_them(acme, users, browser, report, role):
    incident = report()
    client = browser(acme, users[role])
    assert incident.title in client.get(INCIDENTS).content.decode()
    assert client.get(f"{INCIDENTS}{incident.pk}/change/").status_code == 200


def test_member_is_no_member_elsewhere(globex, users, browser):
    assert browser(globex, users["admin"]).get("/admin/").status_code == 302


def test_member_is_not_staff(public, users, browser):
    assert browser(public, users["admin"]).get("/admin/").status_code == 302


def test_session_of_one_host_is_nobody_on_another(acme, globex, users, browser):
    client = browser(acme, users["agent"])
    cookies = client.cookies
    factories.MembershipFactory(user=users["agent"], tenant=globex, role="agent")
    other = Client(headers={"host": factories.host_of(globex)})
    other.cookies = cookies
    assert other.get("/admin/").status_code == 302


def test_staff_without_a_grant_stay_outside(acme, users, browser):
    _client, response = sign_in(acme, users["platform"].email)
    assert "support grant" in response.context["form"].non_field_errors()[0]
    assert browser(acme, users["platform"]).get(INCIDENTS).status_code == 302


def test_read_grant_looks_and_changes_nothing(acme, users, browser, report, grant):
    incident = report()
    grant()
    client = browser(acme, users["support"])
    page = client.get(f"{INCIDENTS}{incident.pk}/change/")
    assert page.status_code == 200
    assert "you can look, and change nothing" in page.content.decode()
    assert "/do/respond/" not in page.content.decode()
    assert client.post(f"{INCIDENTS}{incident.pk}/do/respond/").status_code == 403
    with entering(acme):
        incident.refresh_from_db()
        assert incident.state == "open"


def test_write_grant_acts(acme, users, browser, report, grant):
    incident = report()
    grant(writes=True)
    response = browser(acme, users["support"]).post(f"{INCIDENTS}{incident.pk}/do/respond/")
    assert response.status_code == 302
    with entering(acme):
        incident.refresh_from_db()
        assert (incident.state, incident.first_response_by_id) == ("in_progress", users["support"].pk)


def test_grant_ends_and_the_door_closes(acme, users, browser, grant, at_now, now):
    grant(expires_at=now + timedelta(minutes=30))
    client = browser(acme, users["support"])
    assert client.get("/admin/").status_code == 200
    at_now.move_to(now + timedelta(minutes=31))
    assert client.get("/admin/").status_code == 302


PUBLIC_READS = {
    "tenant": {"support", "release", "platform"},
    "segment": {"support", "release", "platform"},
    "user": {"platform"},
    "supportgrant": {"support", "platform"},
    "flag": {"release", "platform"},
    "deadline": {"support", "release", "platform"},
    "delivery": {"support", "release", "platform"},
    "operatorevent": {"platform"},
}


@pytest.mark.parametrize("role", ["support", "release", "platform"])
@pytest.mark.parametrize("model", PUBLIC_READS)
def test_staff_role_decides_what_the_public_console_shows(public, users, browser, role, model):
    status = browser(public, users[role]).get(f"/admin/tenancy/{model}/").status_code
    assert status == (200 if role in PUBLIC_READS[model] else 403)


def test_own_password_is_changed_by_the_service(acme, users, browser):
    client = browser(acme, users["agent"])
    form = {
        "old_password": factories.PASSWORD,
        "new_password1": "entirely new horse 7",
        "new_password2": "entirely new horse 7",
    }
    response = client.post("/admin/password_change/", form)
    assert response.status_code == 302
    assert client.get("/admin/").status_code == 200, "one stays signed in"
    users["agent"].refresh_from_db()
    assert users["agent"].check_password("entirely new horse 7")


def test_a_reader_under_a_grant_does_not_change_a_password(acme, users, browser, grant):
    grant()
    form = {
        "old_password": factories.PASSWORD,
        "new_password1": "entirely new horse 7",
        "new_password2": "entirely new horse 7",
    }
    response = browser(acme, users["support"]).post("/admin/password_change/", form)
    assert response.status_code == 200
    users["support"].refresh_from_db()
    assert users["support"].check_password(factories.PASSWORD)


def test_no_page_opens_rows_by_content_type(acme, public, users, browser):
    assert browser(public, users["platform"]).get("/admin/r/1/1/").status_code == 404
    assert browser(acme, users["admin"]).get("/admin/search/?s=a").status_code == 404
    assert reverse("admin:index") == "/admin/"
