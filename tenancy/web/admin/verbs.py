"""What a console offers to do: one service behind a form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from tenancy.web.forms import VerbForm


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Made:
    """What a verb says that made `row`: its page comes next; without one the list, or the address `to`."""

    said: str
    row: Model | None
    to: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True, slots=True)
class Verb:
    """One service, offered as a button with a form.

    `call(row, cleaned, by=, now=)` runs the service and returns what happened, for people; a Refusal is shown
    in the form. `action` is the row of the permissions table. `available` hides the button where the state
    makes it pointless, in lists for each row, so it asks for nothing that is not read; the service still decides.
    `bulk` is the action that a selection needs besides.

    `versioned` is for what edits what people wrote: `call` gets `version=` besides, the row's `version` as it was
    when the form was made, for the service to raise Stale. No selection is edited so.
    """

    name: str
    label: Any
    action: str
    call: Callable[..., str | Made]
    form: type[VerbForm] = VerbForm
    icon: str = ""
    variant: ActionVariant = ActionVariant.DEFAULT
    explain: Any = ""
    available: Callable[[Any], bool] = field(default=_always)
    bulk: str = ""
    versioned: bool = False
    button: Any = ""
    """What the button of the form says; else "Save" for what is versioned, and the label for all others."""

    @property
    def title(self) -> str:
        """The label above its form, where nothing comes after it."""
        return str(self.label).rstrip("…")

    @property
    def says(self) -> Any:
        return self.button or (_("Save") if self.versioned else self.title)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did to a selection."""

    done: Sequence[str] = ()
    refused: Sequence[str] = ()
