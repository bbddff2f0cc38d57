"""A POST with an Idempotency-Key is done once: what is kept, what is not, who waits for whom."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLResolver, path
from django.utils import timezone
from rest_framework.response import Response

from project.urls import handler400, handler403, handler404, handler500  # noqa: F401
from project.urls import urlpatterns as real_urls
from project.urls_public import urlpatterns as public_urls
from tenancy.actors import Actor
from tenancy.api.live import TicketView
from tenancy.context import entering
from tenancy.errors import Conflict, Contradiction, InProgress
from tenancy.journal.models import Event, IdempotencyRecord
from tenancy.models import ApiToken, Membership, OperatorIdempotencyRecord, Tenant, User
from tenancy.services import idempotency
from tenancy.states import Role, StaffRole
from tenancy.transactions import atomic, emit
from tenancy.web.authentication import actor_of
from tenancy.web.idempotency import Idempotent
from tests import factories

URL = "/api/v1/things"
KEY = "a-key-of-the-client"
DONE = "test.done"
HOURS = settings.THRESHOLDS.retention.IDEMPOTENCY_HOURS


# ---- an address that does one thing: it writes a line into the journal ---------------------------------------------


class Things(Idempotent):
    actions = {"POST": "member.change", "PUT": "member.change", "GET": "me.read"}

    def get(self, request):
        return Response([])

    def put(self, request):
        return self._do(request)

    def post(self, request):
        return self._do(request)

    def _do(self, request):
        with atomic():
            event = emit(DONE, "thing:1", by=actor_of(request), now=timezone.now())
        end = request.data.get("end")
        if end == "refused":
            raise Conflict("no", state="done")
        if end == "answered 400":
            return Response({"no": True}, status=400)
        if end == "defect":
            raise ZeroDivisionError("secret")
        if end == "killed" and not killed:
            killed.append(True)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        if end == "nothing to say":
            return Response(status=204)
        return Response({"id": str(event), "ş": 1.50}, status=201, headers={"Location": f"{URL}/1"})


killed: list[bool] = []
urlpatterns = [path("api/v1/things", Things.as_view()), path("api/v1/others", Things.as_view()), *real_urls]

pytestmark = pytest.mark.urls(__name__)


def post(client, data=None, url=URL, *, key=KEY):
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post(url, data=data or {}, content_type="application/json", headers=headers)


def code(response):
    assert response["Content-Type"] == "application/problem+json", response.content
    return response.json()["type"].removeprefix("/problems/")


def done(tenant):
    with entering(tenant):
        return Event.objects.filter(verb=DONE).count()


def records(tenant):
    with entering(tenant):
        return IdempotencyRecord.objects.count()


@pytest.fixture
def client(api, acme, users):
    return api(acme, users["admin"])


# ---- the same again -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_repeat_gets_the_stored_answer_and_is_not_done_again(client, acme):
    first = post(client, {"a": 1, "b": [2]})
    again = post(client, {"a": 1, "b": [2]})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "ş".encode() in first.content
    assert again["Location"] == first["Location"] == f"{URL}/1"
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert again["Allow"] == first["Allow"]
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert (done(acme), records(acme)) == (1, 1)


@pytest.mark.django_db
def test_an_answer_without_content_is_repeated_without_content(client):
    first, again = (post(client, {"end": "nothing to say"}) for _each in range(2))
    assert (again.status_code, again.content, again.headers.get("Content-Type")) == (204, b"", None)
    assert first.headers.get("Content-Type") is None
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.django_db
def test_spacing_and_order_of_the_body_are_the_same_request_and_no_body_is_an_empty_one(client, acme):
    headers = {"Idempotency-Key": KEY}
    for body in ('{"a": 1, "b": {"c": 2, "d": 3}}', '{"b":{"d":3,"c":2},\n"a":1}'):
        answer = client.post(URL, data=body, content_type="application/json", headers=headers)
        assert answer.status_code == 201
    assert done(acme) == 1
    for answer in (client.generic("POST", URL, headers={"Idempotency-Key": "b"}), post(client, {}, key="b")):
        assert answer.status_code == 201
    assert done(acme) == 2


@pytest.mark.django_db
def test_another_request_under_the_same_key_is_refused(client, acme):
    post(client, {"a": 1})
    for data, url in (
        ({"a": 2}, URL),
        ({"a": 1.0}, URL),
        ({"a": 1}, "/api/v1/others"),
        ({"a": 1}, f"{URL}?x=1"),
    ):
        refused = post(client, data, url)
        assert (refused.status_code, code(refused)) == (422, "idempotency_key_reused"), (data, url)
        assert "Idempotency-Replayed" not in refused
    assert post(client, {"a": 1})["Idempotency-Replayed"] == "true"
    assert (done(acme), records(acme)) == (1, 1)


@pytest.mark.django_db
def test_a_key_belongs_to_one_actor_of_one_tenant(client, api, acme, globex, users):
    other = api(acme, factories.member(acme, "admin"))
    factories.MembershipFactory(user=users["admin"], tenant=globex, role="admin")
    elsewhere = api(globex, users["admin"])
    answers = [post(each, {"a": 1}) for each in (client, other, elsewhere)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 3
    assert post(elsewhere, {"a": 2}).status_code == 422
    assert (done(acme), done(globex)) == (2, 1)
    with entering(acme):
        kept = set(IdempotencyRecord.objects.values_list("actor", flat=True))
    assert f"member:{users['admin'].pk}" in kept


@pytest.mark.django_db
def test_another_token_of_the_same_user_gets_the_stored_answer(client, api, acme, users):
    first = post(client)
    assert post(api(acme, users["admin"])).content == first.content
    assert done(acme) == 1


@pytest.mark.django_db
def test_without_the_header_and_for_other_methods_nothing_is_different(client, acme):
    for _each in range(2):
        assert "Idempotency-Replayed" not in post(client, {"a": 1}, key=None)
        put = client.put(URL, {}, content_type="application/json", headers={"Idempotency-Key": KEY})
        assert put.status_code == 201
        assert client.get(URL, headers={"Idempotency-Key": "not a key"}).status_code == 200
    assert (done(acme), records(acme)) == (4, 0)


@pytest.mark.django_db
def test_a_key_costs_a_record_and_its_answer(client, django_assert_max_num_queries):
    post(client, key=None)

    def cost(key):
        with django_assert_max_num_queries(100) as seen:
            post(client, key=key)
        sent = [query["sql"] for query in seen]
        return [sql for sql in sent if not sql.startswith(("SET search_path", "SAVEPOINT", "RELEASE"))]

    plain, first, again = cost(None), cost("x"), cost("x")
    extra = [sql for sql in first if "idempotencyrecord" in sql]
    assert [sql.split()[0] for sql in extra] == ["INSERT", "UPDATE"]
    assert len(first) == len(plain) + 2
    assert [sql.split()[0] for sql in again if "idempotencyrecord" in sql] == ["INSERT", "SELECT"]


# ---- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "ş", "x" * 256, "a\x7f"])
def test_a_malformed_key_is_named(client, acme, key):
    refused = post(client, key=key)
    assert (refused.status_code, code(refused)) == (400, "idempotency_key_malformed")
    (fault,) = refused.json()["errors"]
    assert fault["field"] == "Idempotency-Key"
    assert "pointer" not in fault
    assert (done(acme), records(acme)) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["x", "x" * 255, "!~", "3f1c9a52-8f5e-4b0e-9f0e-9a1b2c3d4e5f"])
def test_any_visible_ascii_is_a_key(client, key):
    assert post(client, key=key).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("end", "status"), [("refused", 409), ("answered 400", 400), ("defect", 500)], ids=str
)
def test_a_refusal_leaves_nothing_and_a_corrected_request_has_the_key(client, acme, end, status):
    client.raise_request_exception = False
    for _each in range(2):
        refused = post(client, {"end": end})
        assert refused.status_code == status
        assert "Idempotency-Replayed" not in refused
        assert (done(acme), records(acme)) == (0, 0)
    assert post(client, {"a": 1}).status_code == 201
    assert (done(acme), records(acme)) == (1, 1)


@pytest.mark.django_db
def test_a_body_that_cannot_be_read_takes_no_key(client, acme):
    deep = "[" * 1000 + "]" * 1000
    for body, kind, status in (
        ("{", "application/json", 400),
        ("a=1", "text/plain", 415),
        (deep, "application/json", 400),
    ):
        refused = client.post(URL, data=body, content_type=kind, headers={"Idempotency-Key": KEY})
        assert refused.status_code == status
    assert records(acme) == 0


@pytest.mark.django_db
def test_a_defect_after_the_work_and_before_the_commit_leaves_nothing(client, acme, monkeypatch):
    client.raise_request_exception = False

    def broken(*args, **kwargs):
        raise ZeroDivisionError("secret")

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "keep", broken)
        assert post(client).status_code == 500
    assert (done(acme), records(acme)) == (0, 0)
    assert post(client).status_code == 201
    assert done(acme) == 1


# ---- who may -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_stored_answer_is_for_those_who_may_still_ask(client, api, acme, users):
    first = post(client)
    assert post(api(acme)).status_code == 401
    assert post(api(acme, users["admin"], read_only=True)).status_code == 403
    member = Membership.objects.filter(user=users["admin"], tenant=acme)
    member.update(role="agent")
    lowered = post(client)
    assert (lowered.status_code, code(lowered)) == (403, "not_allowed")
    member.update(role="admin")
    assert post(client).content == first.content
    member.delete()
    assert code(post(client)) == "no_membership"
    assert done(acme) == 1


@pytest.mark.django_db
def test_a_read_only_token_takes_no_key(api, acme, users):
    reader = api(acme, users["admin"], read_only=True)
    assert post(reader).status_code == 403
    assert records(acme) == 0


def _classes(patterns):
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _classes(entry.url_patterns)
        elif hasattr(entry.callback, "cls"):
            yield entry.callback.cls


def test_every_post_of_the_api_honours_the_header():
    """docs/openapi.yaml says so of each. A ticket is no work: it writes nothing, and its answer is not to be kept."""
    posting = {view for view in _classes([*real_urls, *public_urls]) if hasattr(view, "post")} - {TicketView}
    assert posting
    assert [view.__name__ for view in posting if not issubclass(view, Idempotent)] == []


# ---- records -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_record_that_is_too_old_is_not_there(client, acme):
    first = post(client, {"a": 1})
    with entering(acme):
        IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=HOURS, seconds=-5))
    assert post(client, {"a": 1}).content == first.content
    with entering(acme):
        IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=HOURS, seconds=5))
    second = post(client, {"a": 2})
    assert second.status_code == 201
    assert "Idempotency-Replayed" not in second
    assert post(client, {"a": 2}).content == second.content
    assert (done(acme), records(acme)) == (2, 1)


@pytest.mark.django_db
def test_old_records_are_deleted_in_batches_the_oldest_first(in_acme, now, monkeypatch):
    for age in range(5):
        row = {"actor": "member:1", "digest": "d", "status": 201, "created_at": now - timedelta(hours=age)}
        IdempotencyRecord.objects.create(key=str(age), **row)
    retention = replace(settings.THRESHOLDS.retention, BATCH=2)
    monkeypatch.setattr(settings, "THRESHOLDS", replace(settings.THRESHOLDS, retention=retention))
    before = now - timedelta(hours=1)
    assert idempotency.expire_records(before=before) == 2
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"0", "1", "2"}
    assert idempotency.expire_records(before=before) == 1
    assert idempotency.expire_records(before=before) == 0
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"0", "1"}


@pytest.mark.django_db
def test_a_key_of_the_public_host_is_no_tenants(acme, now):
    by = Actor.staff(1, StaffRole.PLATFORM)
    for where in (nullcontext(), entering(acme)):
        with where, atomic():
            assert idempotency.claim(key=KEY, digest="d", by=by, now=now).status is None
    assert OperatorIdempotencyRecord.objects.get().actor == "staff:1"
    assert records(acme) == 1
    assert idempotency.expire_records(before=now + timedelta(seconds=1)) == 1
    assert (OperatorIdempotencyRecord.objects.count(), records(acme)) == (0, 1)


@pytest.mark.django_db
def test_a_claim_that_is_kept_is_returned_and_one_of_another_request_refused(in_acme, now):
    by = Actor.member(1, Role.ADMIN)
    with atomic():
        mine = idempotency.claim(key=KEY, digest="d", by=by, now=now)
        assert mine.status is None
        idempotency.keep(mine, status=201, headers={"Location": "/x"}, body="{}")
    with atomic():
        kept = idempotency.claim(key=KEY, digest="d", by=by, now=now)
    assert (kept.pk, kept.status, kept.headers, kept.body) == (mine.pk, 201, {"Location": "/x"}, "{}")
    with pytest.raises(Contradiction), atomic():
        idempotency.claim(key=KEY, digest="e", by=by, now=now)


# ---- several at once, on connections of their own ---------------------------------------------------------------


@pytest.fixture
def standing(committed) -> Iterator[tuple[Tenant, User, dict[str, str]]]:
    """A tenant that others see too, its admin, and the headers of a client of theirs."""
    with committed() as tenant:
        user = factories.member(tenant, "admin")
        secret = factories.token(user, tenant)
        yield tenant, user, {"host": factories.host_of(tenant), "authorization": f"Bearer {secret}"}
        ApiToken.objects.filter(user=user).delete()
        Membership.objects.filter(user=user).delete()
        user.delete()


class Holder:
    """Somebody whose request with KEY is under way: claimed, its work done, not committed yet."""

    def __init__(self, tenant, user):
        self.tenant, self.by = tenant, Actor.member(user.pk, Role.ADMIN)
        self.claimed, self.end = threading.Event(), threading.Event()
        self.fails = False
        self.thread = threading.Thread(target=self._hold)

    def _hold(self):
        try:
            with entering(self.tenant), atomic():
                idempotency.claim(key=KEY, digest="another", by=self.by, now=timezone.now())
                emit(DONE, "thing:2", by=self.by, now=timezone.now())
                self.claimed.set()
                self.end.wait(30)
                if self.fails:
                    raise Conflict("no")
        except Conflict:
            pass
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        assert self.claimed.wait(30)
        return self

    def __exit__(self, *error):
        self.finish()

    def finish(self, *, fails=False):
        self.fails = self.fails or fails
        self.end.set()
        self.thread.join(30)


def asks(headers, data=None):
    """Ask in this thread, as a process of its own would."""
    try:
        return post(Client(headers=headers), data)
    finally:
        connection.close()


def until_one_waits():
    """Until a connection waits for a transaction of another's to end."""
    for _each in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.01)
    pytest.fail("nobody waited")


@pytest.mark.parametrize("before", ["nothing", "an expired record"])
def test_twenty_clients_with_one_key_have_one_effect_and_one_answer(standing, before):
    tenant, user, headers = standing
    if before == "an expired record":
        with entering(tenant):
            row = {"actor": f"member:{user.pk}", "key": KEY, "digest": "d", "status": 201}
            IdempotencyRecord.objects.create(created_at=timezone.now() - timedelta(hours=HOURS + 1), **row)
    start = threading.Barrier(20)

    def ask(_number):
        start.wait(30)
        return asks(headers, {"a": 1})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert (done(tenant), records(tenant)) == (1, 1)


def test_a_request_waits_for_the_one_under_way_and_goes_on_when_that_is_rolled_back(standing):
    tenant, user, headers = standing
    with Holder(tenant, user) as holder, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(asks, headers, {"a": 1})
        until_one_waits()
        holder.finish(fails=True)
        answer = waiting.result(30)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert (done(tenant), records(tenant)) == (1, 1)


def test_a_request_waits_for_the_one_under_way_and_meets_its_record(standing):
    tenant, user, headers = standing
    with Holder(tenant, user) as holder, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(asks, headers, {"a": 1})
        until_one_waits()
        holder.finish()
        answer = waiting.result(30)
    assert (answer.status_code, code(answer)) == (422, "idempotency_key_reused")
    assert (done(tenant), records(tenant)) == (1, 1)


def test_a_request_that_waits_too_long_is_told_to_come_back(standing):
    tenant, user, headers = standing
    with Holder(tenant, user) as holder:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        refused = post(Client(headers=headers), {"a": 1})
        assert (refused.status_code, code(refused)) == (409, "idempotency_in_progress")
        assert refused["Retry-After"] == "1"
        assert not {"state", "legal_moves"} & set(refused.json())
        with entering(tenant), pytest.raises(InProgress), atomic():
            idempotency.claim(key=KEY, digest="d", by=holder.by, now=timezone.now())
        holder.finish(fails=True)
    assert (done(tenant), records(tenant)) == (0, 0)
    assert post(Client(headers=headers), {"a": 1}).status_code == 201
    assert (done(tenant), records(tenant)) == (1, 1)


def test_a_connection_killed_before_the_commit_leaves_nothing_and_the_same_request_is_done_later(standing):
    tenant, _user, headers = standing
    killed.clear()
    client = Client(headers=headers)
    cut = post(client, {"end": "killed"})
    assert (cut.status_code, code(cut)) == (503, "database_away")
    assert (done(tenant), records(tenant)) == (0, 0)
    later = post(client, {"end": "killed"})
    assert later.status_code == 201
    assert post(client, {"end": "killed"}).content == later.content
    assert (done(tenant), records(tenant)) == (1, 1)


def test_a_claim_outside_a_transaction_is_a_defect(standing):
    tenant, user, _headers = standing
    with entering(tenant), pytest.raises(RuntimeError, match="transaction"):
        idempotency.claim(key=KEY, digest="d", by=Actor.member(user.pk, Role.ADMIN), now=timezone.now())
    assert records(tenant) == 0
