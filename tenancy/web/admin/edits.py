"""Two people with one form, and one person with one form twice.

A page that edits a row carries the version that it was made from and a digest of what each field said. When the
service finds that the row moved on, the page comes back as it was typed, with what somebody else made of each field,
and with the new version: to save again is to decide. Every form also carries a key of its own, so that a double click,
or the reload of its answer, does nothing twice (ADR 14).
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import current_schema
from tenancy.errors import Contradiction, InProgress, Refusal
from tenancy.models import User
from tenancy.services import idempotency
from tenancy.transactions import atomic, chain_of, ref
from tenancy.web.forms import Theirs, VerbForm

VERSION, MARKS, ONCE = "_version", "_marks", "_once"
NO_VERSION = 0  # of a form that says none: no row has it, so it is stale
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Done(NamedTuple):
    """What a form did: told to whoever sent it, and where they go next."""

    said: str
    to: str


# ---- two people ---------------------------------------------------------------------------------------------------


def version_of(request: HttpRequest) -> int:
    """The version of the row that the posted form was made from; NO_VERSION when it says none."""
    given = request.POST.get(VERSION, "")
    return int(given) if _VERSION.fullmatch(given) else NO_VERSION


def hidden(request: HttpRequest, form: VerbForm, row: Any, *, afresh: bool) -> dict[str, str]:
    """What a form that edits `row` carries: a form that comes back for another reason keeps what it had."""
    if form.is_bound and not afresh:
        return {name: request.POST.get(name, "") for name in (VERSION, MARKS)}
    return {VERSION: str(row.version), MARKS: json.dumps(form.marks())}


def theirs(request: HttpRequest, row: Model, is_now: VerbForm) -> dict[str, Theirs]:
    """What others made of the fields since the posted form was made; `is_now` is the form of the row as it is."""
    before = _marks(request)
    changed = [name for name, mark in is_now.marks().items() if before.get(name) != mark]
    by = _who_changed(row, changed)
    return {name: Theirs(is_now.says(name), *by[name]) for name in changed}


def _marks(request: HttpRequest) -> Mapping[str, Any]:
    try:
        given = json.loads(request.POST.get(MARKS, ""))
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _who_changed(row: Model, names: Collection[str]) -> dict[str, tuple[str, datetime | None]]:
    """Who changed each of these last, and when: the row's newest line that names it, else its newest."""
    if not names:
        return {}
    journal = chain_of(current_schema()).events._default_manager
    events = list(
        journal.filter(subject=ref(row)).order_by("-seq")[: settings.THRESHOLDS.console.STORY_LINES]
    )
    if not events:
        return dict.fromkeys(names, ("", None))
    last = {
        name: next((event for event in events if _is_about(event.data, name)), events[0]) for name in names
    }
    people = User.objects.in_bulk({event.actor_id for event in last.values() if event.actor_id})
    return {
        name: (people[event.actor_id].name if event.actor_id in people else event.actor_name, event.at)
        for name, event in last.items()
    }


def _is_about(data: Mapping[str, Any], name: str) -> bool:
    texts = data.get("texts")
    return name in data or (isinstance(texts, list) and name in texts)


# ---- one person, twice --------------------------------------------------------------------------------------------


def new_key() -> str:
    return secrets.token_hex(16)


def once(request: HttpRequest, work: Callable[[], Done], *, by: Actor, now: datetime) -> Done:
    """Do `work` unless this very form did it before; then what it said. Raises what `work` raises, and Refusal."""
    key = request.POST.get(ONCE, "")
    if not _KEY.fullmatch(key):
        return work()
    try:
        with atomic():
            record = idempotency.claim(key=f"form-{key}", digest=_digest(request), by=by, now=now)
            if record.status is not None:
                return Done(record.body, record.headers["Location"])
            done = work()
            idempotency.keep(record, status=HTTPStatus.FOUND, headers={"Location": done.to}, body=done.said)
            return done
    except (Contradiction, InProgress) as refusal:
        texts = {
            "idempotency_key_reused": _(
                "This form was sent before, and did what it said then. Send it again to do this too."
            ),
            "idempotency_in_progress": _("This form is being worked on. Look at the list in a moment."),
        }
        if refusal.code not in texts:
            raise
        raise Refusal(texts[refusal.code], code=refusal.code) from refusal


def _digest(request: HttpRequest) -> str:
    typed = {
        name: values for name, values in request.POST.lists() if name not in (ONCE, "csrfmiddlewaretoken")
    }
    files = [
        [name, getattr(file, "name", ""), getattr(file, "size", 0)] for name, file in request.FILES.items()
    ]
    same = json.dumps([request.get_full_path(), typed, files], sort_keys=True)
    return hashlib.sha256(same.encode()).hexdigest()
