"""What the console offers to do with change requests."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.forms.changes import DraftForm, EditForm, ImplementForm, RejectForm
from hypercare.models import ChangeRequest
from hypercare.rules import STEPS
from tenancy.actors import Actor
from tenancy.web.admin import Made, Verb

Cleaned = Mapping[str, Any]


def _draft(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    change = services.draft_change(**cleaned, by=by, now=now)
    return Made(_("%(key)s is drafted.") % {"key": change.key}, change)


def _edit(row: ChangeRequest, cleaned: Cleaned, *, version: int, by: Actor, now: datetime) -> str:
    services.edit_change(change=row, version=version, **cleaned, by=by, now=now)
    return _("%(key)s is changed.") % {"key": row.key}


def _move(service: Callable[..., ChangeRequest]) -> Callable[..., str]:
    """The verb that calls `service` with what its form asks for."""

    def call(row: ChangeRequest, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
        given: Mapping[str, Any] = {name: value for name, value in cleaned.items() if value is not None}
        moved = service(change=row, **given, by=by, now=now)
        said = {"key": moved.key, "state": moved.get_state_display()}
        return _("%(key)s: %(state)s.") % said

    return call


def _in_state_for(step: str) -> Callable[[Any], bool]:
    return lambda row: row.state in STEPS[step]


def _waits_for_me(row: Any) -> bool:
    """Whether the vote of whoever looks is due, as the list read it with the row."""
    waits: bool = row.waits_for_me
    return waits


LIST_VERBS = [
    Verb(
        "draft",
        _("New change request…"),
        "change.draft",
        _draft,
        DraftForm,
        "add",
        ActionVariant.PRIMARY,
        _("A draft: the board sees it to decide on when it is submitted."),
        button=_("Create"),
    )
]
VERBS = [
    Verb(
        "submit",
        _("Submit to the board"),
        "change.submit",
        _move(services.submit_change),
        icon="send",
        variant=ActionVariant.PRIMARY,
        explain=_("The members of the change board are asked by mail."),
        available=_in_state_for("submit"),
    ),
    Verb(
        "approve",
        _("Approve"),
        "change.decide",
        _move(services.approve_change),
        icon="thumb_up",
        variant=ActionVariant.SUCCESS,
        explain=_("Your vote for it. It is approved when as many have approved as the project needs."),
        available=_waits_for_me,
    ),
    Verb(
        "reject",
        _("Reject…"),
        "change.decide",
        _move(services.reject_change),
        RejectForm,
        "thumb_down",
        ActionVariant.DANGER,
        _("One vote against it rejects it."),
        available=_waits_for_me,
    ),
    Verb(
        "start",
        _("Start"),
        "change.start",
        _move(services.start_change),
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        explain=_("Work on what the board approved begins. It cannot be edited any more."),
        available=_in_state_for("start"),
    ),
    Verb(
        "implement",
        _("Implemented…"),
        "change.implement",
        _move(services.implement_change),
        ImplementForm,
        "task_alt",
        ActionVariant.SUCCESS,
        available=_in_state_for("implement"),
    ),
    Verb(
        "close",
        _("Close"),
        "change.close",
        _move(services.close_change),
        icon="done_all",
        variant=ActionVariant.SUCCESS,
        available=_in_state_for("close"),
    ),
    Verb(
        "redraft",
        _("Make a draft again"),
        "change.change",
        _move(services.redraft_change),
        icon="undo",
        explain=_("What the board said stays written; the votes do not count any more."),
        available=_in_state_for("redraft"),
    ),
    Verb(
        "edit",
        _("Edit…"),
        "change.change",
        _edit,
        EditForm,
        "edit",
        explain=_("An edit makes the votes void; what was approved goes back to the board."),
        available=_in_state_for("edit"),
        versioned=True,
    ),
]
