"""How the walk asks: through the WSGI application as a server would, without a server; and what it counts."""

import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from zipfile import ZipFile

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception
from django.db import transaction
from django.http import HttpRequest

from tests.isolation.canaries import found_in

METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = ("GET", "HEAD", "OPTIONS")
_CSRF = "a" * 32  # cookie and header say the same: what a page of ours would send


@dataclass(frozen=True)
class Visitor:
    """Who asks: on which host, with which credentials, and whose canaries they may see there.

    `inside`: their request reaches a view; all others are turned away before, or answered what everybody is.
    """

    name: str
    host: str
    token: str = ""
    cookie: str = ""
    may_see: tuple[str, ...] = ()
    internal: bool = True
    inside: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    csrf: bool = True


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def is_done(self) -> bool:
        """Whether it did what was asked, as far as a status says."""
        return self.status < 400


@dataclass
class Walk:
    """Asks, undoes what that did, searches the answer for what the visitor must not see, and counts.

    Never stops at a fault: `faults` has them all, and `end` fails with them.
    """

    patterns: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    actors: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _watched: Callable[[], object] = lambda: None
    _before: object = None
    last: Answer = Answer(0, "")

    def watch(self, what: Callable[[], object]) -> None:
        """Compare `what` after each request that may write with what it is now."""
        self._watched, self._before = what, what()

    def ask(
        self,
        visitor: Visitor,
        method: str,
        path: str,
        *,
        label: str = "",
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        may_see: tuple[str, ...] = (),
        echoes: Iterable[str] = (),
        broken: int = 0,
    ) -> Answer:
        """`may_see` is what this visitor sees here besides; `echoes` what the answer repeats of the question;
        `broken` a status beyond 500 that is right."""
        changed = False
        if method in SAFE:
            answer = ask(visitor, method, path)
        else:
            with transaction.atomic():
                answer = ask(visitor, method, path, body=body, form=form)
                changed = self._watched() != self._before
                transaction.set_rollback(True)
        self.last = answer
        self.patterns.add(label or path)
        self.methods.add(method)
        self.actors.add(visitor.name)
        self.counts["requests"] += 1
        self.counts[f"status {answer.status // 100}xx"] += 1
        where = f"{visitor.name}: {method} {visitor.host}{path} ({label}) -> {answer.status}"
        if answer.status >= 500 and answer.status != broken:
            self.fault(f"{where} {_errors[-1:]}")
        if answer.status == 429:
            self.fault(f"{where}: the walk is too fast for the limit and sees nothing")
        if changed:
            self.fault(f"{where} changed what is elsewhere")
        text = answer.text
        for echo in echoes:
            text = text.replace(echo, "")
        leaked = foreign(visitor, text, may_see)
        if leaked:
            self.fault(f"{where} shows {leaked}")
        return answer

    def fault(self, what: str) -> None:
        self.faults.append(what)

    def expect(self, holds: bool, *what: object) -> None:
        if not holds:
            self.fault(" ".join(str(part) for part in what))

    def said(self) -> dict[str, object]:
        counted = {"patterns": len(self.patterns), "methods": len(self.methods), "actors": len(self.actors)}
        return counted | dict(self.counts)

    def end(self) -> None:
        few = "\n".join(self.faults[:40])
        assert not self.faults, f"{len(self.faults)} faults\n{few}"


def foreign(visitor: Visitor, text: str, may_see: tuple[str, ...] = ()) -> list[str]:
    """The canaries in `text` that `visitor` must not see."""
    seen = tuple(f"canary-{word}" for word in (*visitor.may_see, *may_see))
    return sorted(
        word
        for word in found_in(text)
        if not word.startswith(seen) or ("-internal" in word and not visitor.internal)
    )


def ask(
    visitor: Visitor,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    form: Mapping[str, Any] | None = None,
) -> Answer:
    """One request through every middleware. Streams are read to their end, spreadsheets as the text of their parts."""
    before, _sign, query = path.partition("?")
    sent = b"" if method in SAFE else json.dumps(body or {}).encode()
    kind = "application/json"
    if form is not None:
        sent, kind = _encoded(form)
    cookies = {settings.CSRF_COOKIE_NAME: _CSRF}
    if visitor.cookie:
        cookies[settings.SESSION_COOKIE_NAME] = visitor.cookie
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": before.encode().decode("latin-1"),
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "SERVER_NAME": visitor.host,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": visitor.host,
        "HTTP_X_CSRFTOKEN": _CSRF,
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(sent)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(sent),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if visitor.token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {visitor.token}"
    if not visitor.csrf:
        del environ["HTTP_X_CSRFTOKEN"]
    for name, value in visitor.headers:
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    started: list[Any] = []
    response: Any = application()(environ, lambda *said: started.extend(said))
    try:
        content = b"".join(response)
    finally:
        response.close()
    status, headers = int(started[0][:3]), started[1]
    lines = "".join(f"{name}: {_header(name, value)}\n" for name, value in headers)
    return Answer(status, _readable(content) + lines)


def _encoded(form: Mapping[str, Any]) -> tuple[bytes, str]:
    """As a browser sends it; with a file (a tuple of its name and content) in parts."""
    if not any(isinstance(value, tuple) for value in form.values()):
        return urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
    parts = []
    for name, value in form.items():
        for each in value if isinstance(value, list) else [value]:
            file, content = each if isinstance(each, tuple) else ("", str(each).encode())
            about = f'; filename="{file}"' if file else ""
            parts.append(f'--parts\r\nContent-Disposition: form-data; name="{name}"{about}\r\n\r\n'.encode())
            parts.append(content + b"\r\n")
    return b"".join(parts) + b"--parts--\r\n", "multipart/form-data; boundary=parts"


def _header(name: str, value: str) -> str:
    """What a header says; of the cookie of messages, what the next page will show."""
    if name.lower() != "set-cookie" or not value.startswith(f"{CookieStorage.cookie_name}="):
        return value
    stored = SimpleCookie(value)[CookieStorage.cookie_name].value
    return " ".join(map(str, CookieStorage(HttpRequest())._decode(stored) or []))


@cache
def application() -> WSGIHandler:
    """One for the whole run: making one loads every middleware anew."""
    got_request_exception.connect(_note, dispatch_uid="tests.isolation.asking")
    return WSGIHandler()


_errors: list[str] = []


def _note(**_given: Any) -> None:

    _errors.append(traceback.format_exc(limit=-3))


def _readable(content: bytes) -> str:
    """The text of an answer; of an XLSX the text of its parts."""
    if not content.startswith(b"PK"):
        return content.decode(errors="replace")
    with ZipFile(BytesIO(content)) as parts:
        # A cell's text lies close to its tags: apart from them a canary is a word.
        texts = [parts.read(name).decode(errors="replace") for name in parts.namelist()]
    return "\n".join(texts).replace("<", " <").replace(">", "> ")
