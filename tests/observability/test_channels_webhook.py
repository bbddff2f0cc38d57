"""Outgoing webhooks against a receiver that checks signatures, and against addresses that nobody may call."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings
from django.utils import timezone

from observability.channels import WebhookChannel
from observability.channels.egress import Failed
from tenancy.deliveries import Audience, Busy, Data, Form, Rejected, Unsure
from tests.observability.channels import CREATED, delivery, give_up_after, to_endpoint
from tests.servers import WebhookServer
from tests.servers.webhooks import SECRET

OTHER = "whsec_" + "b2xkLXNlY3JldC1vZi10aGUtcmVjZWl2ZXItb25l"
EVENT = Data(
    "incident.resolved", CREATED, {"number": 12, "title": "Mal girişi İSTANBUL'da durdu", "none": None}
)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Resolve = Callable[[list[str]], list[str]]


@pytest.fixture(autouse=True)
def loopback(settings: LazySettings) -> None:
    settings.EGRESS_ALLOW_LOOPBACK = True


@pytest.fixture
def server() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture
def channel() -> Iterator[WebhookChannel]:
    channel = WebhookChannel()
    yield channel
    channel.hang_up()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """`asked = resolver([first, second, ...])`: what DNS says to each question in turn, and who asked."""
    real = socket.getaddrinfo

    def patch(answers: list[str]) -> list[str]:
        asked: list[str] = []

        def resolve(host: str, port: Any, *args: Any, **given: Any) -> Any:
            if isinstance(host, str) and host.endswith(".test"):
                asked.append(host)
                host = answers[min(len(asked), len(answers)) - 1]
            return real(host, port, *args, **given)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        return asked

    return patch


def to(address: str, **fields: Any) -> Audience:
    return to_endpoint(channel="webhook", address=address, **{"secret": SECRET} | fields)


def test_it_carries_data_and_repeats(channel: WebhookChannel) -> None:
    assert (channel.name, channel.form, channel.repeats_when_unsure) == ("webhook", Form.DATA, True)


# ---- what is sent ----


def test_an_event_arrives_signed(server: WebhookServer, channel: WebhookChannel) -> None:
    reference = channel.send(delivery(), to(f"{server.url}/hooks/acme?x=1"), EVENT, now=timezone.now())
    [record] = server.records
    assert reference == record["key"] == delivery().key
    assert (record["path"], record["type"]) == ("/hooks/acme?x=1", "incident.resolved")
    assert record["timestamp"] == "2026-11-18T09:00:00Z"
    assert record["data"] == EVENT.data
    [(_path, headers, body)] = server.requests
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Hypercare (")
    assert "İSTANBUL".encode() in body
    assert set(json.loads(body)) == {"type", "timestamp", "data"}


@pytest.mark.parametrize(
    ("at", "signed_by"),
    [(NOW - timedelta(seconds=1), [SECRET, OTHER]), (NOW, [SECRET]), (NOW + timedelta(days=1), [SECRET])],
    ids=["before its end", "at its end", "after it"],
)
def test_while_a_rotation_lasts_both_secrets_sign(
    server: WebhookServer, channel: WebhookChannel, at: datetime, signed_by: list[str]
) -> None:
    server.accepts = [SECRET, OTHER]
    with time_machine.travel(at, tick=False):
        channel.send(
            delivery(), to(server.url, previous_secret=OTHER, previous_until=NOW), EVENT, now=timezone.now()
        )
    assert server.records[0]["signed_by"] == signed_by


def test_the_old_secret_alone_is_refused_after_a_rotation(
    server: WebhookServer, channel: WebhookChannel
) -> None:
    server.accepts = [OTHER]
    with time_machine.travel(NOW, tick=False), pytest.raises(Failed, match="401: no signature"):
        channel.send(
            delivery(), to(server.url, previous_secret=OTHER, previous_until=NOW), EVENT, now=timezone.now()
        )
    assert server.records == []


def test_connections_are_kept_and_hung_up(server: WebhookServer, channel: WebhookChannel) -> None:
    for _ in range(3):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert (len(server.requests), server.callers) == (3, 1)
    channel.hang_up()
    channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert (len(server.requests), server.callers) == (4, 2)


def test_sixteen_threads_send_at_once(server: WebhookServer, channel: WebhookChannel) -> None:
    together = threading.Barrier(16)

    def send(number: int) -> None:
        together.wait()
        for attempt in range(5):
            channel.send(
                delivery(event=number * 10 + attempt), to(f"{server.url}/{number}"), EVENT, now=timezone.now()
            )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, range(16)))
    assert len(set(server.keys)) == len(server.keys) == 80
    assert server.callers <= 16


def test_no_cookie_of_a_receiver_comes_back(server: WebhookServer, channel: WebhookChannel) -> None:
    server.fail(200, times=2, headers={"Set-Cookie": "tenant=acme; Path=/"})
    for _ in range(2):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert [headers.get("cookie") for _path, headers, _body in server.requests] == [None, None]


# ---- what the receiver says ----


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_a_yes(server: WebhookServer, channel: WebhookChannel, status: int) -> None:
    server.fail(status)
    assert channel.send(delivery(), to(server.url), EVENT, now=timezone.now()) == delivery().key


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 503])
def test_a_refusal_is_tried_again(server: WebhookServer, channel: WebhookChannel, status: int) -> None:
    server.fail(status, body=b"no\nnot <b>now</b>")
    with pytest.raises(Failed, match=f"127.0.0.1 answered {status}: no not <b>now</b>"):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    channel.send(delivery(attempts=2), to(server.url), EVENT, now=timezone.now())
    assert len(server.records) == 1


def test_410_says_that_nobody_listens_any_more(server: WebhookServer, channel: WebhookChannel) -> None:
    server.fail(410, body=b"gone")
    with pytest.raises(Rejected, match="410: gone"):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_heard_nothing_leaves_it_unsure(
    server: WebhookServer, channel: WebhookChannel, status: int
) -> None:
    server.fail(status)
    with pytest.raises(Unsure, match=str(status)):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Fri, 20 Nov 2026 12:01:30 -0000", 90),
        ("999999999999999999999", 3600),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), 3600),
        ("0", 1),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
    ],
)
def test_a_receiver_may_name_when_to_come_back(
    server: WebhookServer, channel: WebhookChannel, status: int, given: str, seconds: int
) -> None:
    server.fail(status, headers={"Retry-After": given})
    with pytest.raises(Busy, match=str(status)) as busy:
        channel.send(delivery(), to(server.url), EVENT, now=NOW)
    assert busy.value.wait == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", ["soon", "-5", "", "1.5"])
def test_an_unreadable_retry_after_is_none(
    server: WebhookServer, channel: WebhookChannel, given: str
) -> None:
    server.fail(429, headers={"Retry-After": given})
    with pytest.raises(Failed, match="429"):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())


def test_a_lost_answer_leaves_it_unsure_and_the_repeat_has_the_same_key(
    server: WebhookServer, channel: WebhookChannel
) -> None:
    server.drop_every = 2
    unsure = 0
    for number in range(1, 11):
        for attempt in (1, 2):
            try:
                channel.send(
                    delivery(pk=number, event=number, attempts=attempt),
                    to(server.url),
                    EVENT,
                    now=timezone.now(),
                )
                break
            except Unsure:
                unsure += 1
    expected = [delivery(event=number).key for number in range(1, 11)]
    assert unsure == 9
    assert len(server.keys) == 19
    assert list(dict.fromkeys(server.keys)) == expected


def test_a_receiver_that_is_silent_is_given_up(
    server: WebhookServer, channel: WebhookChannel, settings: LazySettings
) -> None:
    give_up_after(settings, 1)
    server.delay = 5
    with pytest.raises(Unsure, match="did not answer within 1 s"):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())


def test_a_receiver_that_answers_byte_by_byte_is_cut_off(
    server: WebhookServer, channel: WebhookChannel, settings: LazySettings
) -> None:
    give_up_after(settings, 1)
    server.trickle = 0.3
    with pytest.raises(Unsure, match="did not answer within 1 s"):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())


def test_a_long_answer_is_not_read(server: WebhookServer, channel: WebhookChannel) -> None:
    server.fail(500, body=b"x" * 5_000_000)
    with pytest.raises(Failed) as failed:
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert str(failed.value) == "127.0.0.1 answered 500: " + "x" * 200


def test_an_answer_that_is_no_http_leaves_it_unsure(channel: WebhookChannel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            with listener.accept()[0] as caller:
                caller.recv(65536)
                caller.sendall(b"220 mail.example.test ESMTP\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        with pytest.raises(Unsure, match="broke off"):
            channel.send(
                delivery(), to(f"http://127.0.0.1:{listener.getsockname()[1]}"), EVENT, now=timezone.now()
            )
        thread.join()


def test_a_receiver_that_is_away_is_tried_again(channel: WebhookChannel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Failed, match=r"127\.0\.0\.1 cannot be reached: .*refused"):
        channel.send(delivery(), to(f"http://127.0.0.1:{port}/secret"), EVENT, now=timezone.now())


def test_a_name_that_nobody_knows_is_tried_again(
    channel: WebhookChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_given: Any, **_more: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(Failed, match=r"hooks\.acme\.test cannot be reached: Failed to resolve"):
        channel.send(delivery(), to("https://hooks.acme.test/"), EVENT, now=timezone.now())


# ---- TLS ----


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_nobody_vouches_for_is_tried_again(
    channel: WebhookChannel, self_signed: ssl.SSLContext
) -> None:
    with WebhookServer(tls=self_signed) as server:
        with pytest.raises(Failed, match=r"cannot be reached: .*self.signed certificate"):
            channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
        assert server.requests == []


def test_over_tls_everything_is_as_without(
    channel: WebhookChannel,
    self_signed: ssl.SSLContext,
    tmp_path: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "requests.sessions.Session.merge_environment_settings", trusting(tmp_path / "server.pem")
    )
    give_up_after(settings, 1)
    with WebhookServer(tls=self_signed) as server:
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
        server.drop_every = 2
        with pytest.raises(Unsure, match="broke off"):
            channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
        server.trickle = 0.3
        with pytest.raises(Unsure, match="did not answer within 1 s"):
            channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert len(server.records) == 3


def trusting(certificate: Path) -> Callable[..., dict[str, Any]]:
    def settings_of(
        _session: Any, _url: str, proxies: Any, stream: bool, _verify: Any, cert: Any
    ) -> dict[str, Any]:
        return {"proxies": proxies, "stream": stream, "verify": str(certificate), "cert": cert}

    return settings_of


# ---- where it may go ----

PRIVATE = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "169.254.169.254",  # metadata of clouds
    "100.100.100.200",  # another cloud's
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[fec0::1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
]
SPELLINGS = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "2852039166", "0", "0x7f.1"]


@pytest.mark.parametrize("host", PRIVATE + SPELLINGS)
def test_an_address_that_is_not_public_is_never_called(
    channel: WebhookChannel, settings: LazySettings, host: str
) -> None:
    settings.EGRESS_ALLOW_LOOPBACK = False
    with pytest.raises(Rejected, match="no public address"):
        channel.send(delivery(), to(f"https://{host}/"), EVENT, now=timezone.now())


@pytest.mark.parametrize("host", [host for host in PRIVATE if "127." not in host and host != "[::1]"])
def test_where_loopback_is_allowed_nothing_else_is(channel: WebhookChannel, host: str) -> None:
    with pytest.raises(Rejected, match="no public address"):
        channel.send(delivery(), to(f"http://{host}/"), EVENT, now=timezone.now())


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd12::1"])
def test_a_name_that_leads_to_a_private_address_is_never_called(
    channel: WebhookChannel, settings: LazySettings, resolver: Resolve, address: str
) -> None:
    settings.EGRESS_ALLOW_LOOPBACK = False
    resolver([address])
    with pytest.raises(Rejected, match=r"^hooks\.acme\.test leads to no public address$"):
        channel.send(delivery(), to("https://hooks.acme.test/"), EVENT, now=timezone.now())


def test_a_name_that_changes_after_the_check_changes_nothing(
    channel: WebhookChannel, settings: LazySettings, resolver: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EGRESS_ALLOW_LOOPBACK = False
    asked = resolver(["93.184.215.14", "127.0.0.1"])
    called: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *_given: Any, **_more: Any) -> None:
        called.append(address)
        raise OSError("no way out of a test")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with pytest.raises(Failed, match="no way out"):
        channel.send(delivery(), to("https://hooks.acme.test:8443/"), EVENT, now=timezone.now())
    assert (asked, called) == (["hooks.acme.test"], [("93.184.215.14", 8443)])


def test_a_name_is_resolved_once_and_still_the_host_that_is_asked(
    server: WebhookServer, channel: WebhookChannel, resolver: Resolve
) -> None:
    asked = resolver(["127.0.0.1", "10.0.0.1"])
    channel.send(delivery(), to(f"http://hooks.acme.test:{server.port}/in"), EVENT, now=timezone.now())
    assert asked == ["hooks.acme.test"]
    assert server.requests[0][1]["host"] == f"hooks.acme.test:{server.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/", "http://127.0.0.1:1/", "/elsewhere"])
def test_a_redirect_is_not_followed(
    server: WebhookServer, channel: WebhookChannel, status: int, target: str
) -> None:
    server.fail(status, body=b"x" * 5_000_000, headers={"Location": target})
    with pytest.raises(Failed, match=f"{status}, a redirect to '{target}': redirects are not followed"):
        channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.acme.test/",
        "ftp://hooks.acme.test/",
        "file:///etc/passwd",
        "hooks.acme.test",
        "https://",
        "https:///path",
        "https://[::1",
        "",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_https_address_is_rejected(
    channel: WebhookChannel, settings: LazySettings, address: str
) -> None:
    settings.EGRESS_ALLOW_LOOPBACK = False
    with pytest.raises(Rejected, match="the endpoint's address"):
        channel.send(delivery(), to(address), EVENT, now=timezone.now())


@pytest.mark.parametrize(
    "address", [f"https://{'a' * 70}.test/", "https://a..test/", "https://a b.test/", "https://x:99999/"]
)
def test_what_looks_like_an_address_and_cannot_be_called_is_rejected(
    channel: WebhookChannel, address: str
) -> None:
    with pytest.raises(Rejected, match="cannot be called"):
        channel.send(delivery(), to(address), EVENT, now=timezone.now())


def test_neither_proxies_nor_netrc_of_the_environment_are_used(
    server: WebhookServer, channel: WebhookChannel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login us password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    channel.send(delivery(), to(server.url), EVENT, now=timezone.now())
    assert "authorization" not in server.requests[0][1]
