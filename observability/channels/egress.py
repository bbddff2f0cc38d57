"""The way out over HTTP: to public addresses only, within one time limit, and what an answer means."""

import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings
from requests_hardened.client import HTTPSession
from requests_hardened.config import Config
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from observability.mail import one_line
from tenancy.deliveries import Busy, Rejected, Unsure

_OK, _REDIRECT, _REFUSED = 200, 300, 400  # not tunable: HTTP
_V6, _GLOBAL_UNICAST = 6, ip_network("2000::/3")  # not tunable: RFC 4291: all that is routed in the world
_COME_BACK = frozenset({429, 503})
_NOT_HEARD = frozenset({502, 504})  # a gateway that did not hear from the server behind it


class Failed(Exception):
    """It never left, or was not taken this time: tried again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; `text` is the beginning of its body on one line."""

    host: str
    status: int
    headers: Mapping[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.host} answered {self.status}" + (f": {self.text}" if self.text else "")


class Egress:
    """POSTs from many threads, over connections that are kept until `hang_up`.

    The address is resolved once, checked and then connected to, so a name cannot lead elsewhere in between.
    Neither redirects nor the environment's proxies and .netrc are followed, no cookie is kept, and a receiver
    that sends its answer byte by byte is cut off when the time is over.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` and return the answer, whatever its status; at most delivery.SEND_TIMEOUT_SECONDS.

        Raises Rejected for an address that is never called, Unsure when there is no answer to what was sent, and
        Failed when it could not be sent. No error repeats more of the URL than its host: the path may be a secret.
        """
        host = _host(url)
        limit = urllib3.Timeout(total=settings.THRESHOLDS.delivery.SEND_TIMEOUT_SECONDS)
        plain = {**headers, "Accept-Encoding": "identity"}
        try:
            with self._opened().post(url, data=body, headers=plain, timeout=limit, stream=True) as response:
                return Answer(host, response.status_code, response.headers, _beginning(response))
        except InvalidIPAddress as error:
            # Without the address itself: the text is for those who must not learn how our network looks.
            raise Rejected(f"{host} leads to no public address") from error
        except ValueError as error:  # requests' InvalidURL, and names that DNS cannot carry
            raise Rejected(f"{host!r} cannot be called: {type(error).__name__}") from error
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise Failed(f"{host} cannot be reached: {_why(error)}") from error
        except requests.ReadTimeout as error:
            raise Unsure(f"{host} did not answer within {limit.total} s") from error
        except requests.ConnectionError as error:
            if isinstance(error.args[0], urllib3.exceptions.ProtocolError):
                raise Unsure(f"{host} broke off without an answer") from error
            raise Failed(f"{host} cannot be reached: {_why(error)}") from error

    def hang_up(self) -> None:
        """Close all connections; the next `post` opens new ones."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _opened(self) -> "_Session":
        with self._lock:
            if self._session is None:
                self._session = _Session(loopback=settings.EGRESS_ALLOW_LOOPBACK)
            return self._session


def judge(answer: Answer, *, final: frozenset[int], now: datetime) -> None:
    """Raise what an answer other than 2xx means at `now`: Rejected for a `final` status, Busy, Unsure or Failed."""
    if _OK <= answer.status < _REDIRECT:
        return
    if answer.status in final:
        raise Rejected(str(answer))
    if answer.status in _COME_BACK and (wait := retry_after(answer.headers, now=now)) is not None:
        raise Busy(str(answer), wait)
    if answer.status in _NOT_HEARD:
        raise Unsure(str(answer))
    if _REDIRECT <= answer.status < _REFUSED:
        where = answer.headers.get("Location", "")[: settings.THRESHOLDS.delivery.QUOTED]
        raise Failed(
            f"{answer.host} answered {answer.status}, a redirect to {where!r}:"
            " redirects are not followed, the endpoint has to name the final address"
        )
    raise Failed(str(answer))


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """How long Retry-After asks to wait, 1 second to delivery.MAX_BACKOFF_SECONDS; None without a readable one.

    It names seconds, or a date that is compared with `now`.
    """
    given = headers.get("Retry-After", "").strip()
    longest = settings.THRESHOLDS.delivery.MAX_BACKOFF_SECONDS
    if given.isdecimal():
        seconds = float(given[:9])
    else:
        try:
            at = parsedate_to_datetime(given)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return timedelta(seconds=min(max(seconds, 1), longest))


def _host(url: str) -> str:
    """Raises Rejected for what is no address of the web."""
    schemes = ("https", "http") if settings.EGRESS_ALLOW_LOOPBACK else ("https",)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Rejected("the endpoint's address is no URL") from error
    if parts.scheme not in schemes or not parts.hostname:
        raise Rejected("the endpoint's address has to begin with https:// and name a host")
    return parts.hostname


def _beginning(response: requests.Response) -> str:
    """What the body begins with. One that breaks off does not matter: the status is known."""
    try:
        read: bytes = response.raw.read(settings.THRESHOLDS.delivery.ANSWER_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    return one_line(read.decode(errors="replace"))[: settings.THRESHOLDS.delivery.QUOTED]


def _why(error: requests.RequestException) -> str:
    """The innermost reason, without the URL that the outer ones repeat."""
    cause = error.args[0]
    return str(getattr(cause, "reason", cause)).rpartition(": ")[2]


# ---- one time limit for the whole answer --------------------------------------------------------------------------
# A socket's timeout begins anew with every byte, so a receiver could hold a thread for as long as it likes.


class _UntilReader(io.RawIOBase):
    """A socket to read from until the timeout that it had at the beginning is over."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        left = sock.gettimeout()
        self._ends = time.monotonic() + (left if left is not None else 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        except ssl.SSLError as error:  # past the handshake it is a broken connection like any other
            raise ConnectionResetError(str(error)) from error

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Socket:
    """As much of a socket as an answer reads from."""

    def __init__(self, sock: socket.socket):
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_UntilReader(self._sock))


class _InTime(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any):
        super().__init__(_Socket(sock), *args, **kwargs)  # type: ignore[arg-type]  # only makefile is asked for


class _Connection(HTTPConnection):
    response_class = _InTime


class _SecureConnection(HTTPSConnection):
    response_class = _InTime


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(IPFilterAdapter):  # type: ignore[misc]  # requests_hardened has no types
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **given: Any) -> None:
        threads = settings.THRESHOLDS.delivery.THREADS
        super().init_poolmanager(max(connections, threads), max(maxsize, threads), block, **given)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def build_connection_pool_key_attributes(self, *args: Any, **given: Any) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(*args, **given)
        address = ip_address(host["host"].strip("[]"))
        if address.version == _V6 and address not in _GLOBAL_UNICAST and not address.is_loopback:
            raise InvalidIPAddress(address)  # the library lets ::/8 and fec0::/10 pass
        return host, pool


class _Session(HTTPSession):  # type: ignore[misc]  # as above
    def __init__(self, *, loopback: bool):
        limit = settings.THRESHOLDS.delivery.SEND_TIMEOUT_SECONDS
        super().__init__(
            Config(
                ip_filter_enable=True,
                ip_filter_allow_loopback_ips=loopback,
                never_redirect=True,
                default_timeout=(limit, limit),
                user_agent_override=f"Hypercare ({settings.BASE_HOST})",
            )
        )
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme, secure in (("http://", False), ("https://", True)):
            self.mount(scheme, _Adapter(is_https_proto=secure, allow_loopback=loopback))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: otherwise requests reads the whole body of a redirect that is not followed."""
