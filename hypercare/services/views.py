"""Views of lists that people keep for themselves, or for everybody."""

from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from hypercare.models import SavedView
from hypercare.services.rows import insert, refusing
from tenancy.actors import Actor
from tenancy.errors import Invalid, NotAllowed
from tenancy.permissions import may, require
from tenancy.services import guards
from tenancy.transactions import atomic, emit

LONGEST_VIEW_NAME, LONGEST_QUERY = 60, 1000  # not tunable: the columns' widths
MOST_PARAMETERS = 50  # not tunable: of a query; it is refused as no filter

NOT_OF_A_VIEW = frozenset({"p", "all", "e"})
"""Parameters of a list that say where one is in it, not what it shows."""


def canonical_query(query: str) -> str:
    """The parameters of a list's address in one spelling, so that the same view is known again.

    Raises Invalid when they cannot be read or are too many.
    """
    try:
        pairs = parse_qsl(query, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise _unreadable() from error
    spelled = urlencode(sorted((name, value) for name, value in pairs if name not in NOT_OF_A_VIEW))
    if len(spelled) > LONGEST_QUERY or "%00" in spelled:
        raise _unreadable()
    return spelled


def save_view(
    *, list: str, name: str, query: str, is_shared: bool = False, by: Actor, now: datetime
) -> SavedView:
    """Keep a view of `list` ("hypercare.incident") for `by`, shared for everybody.

    Raises NotAllowed, Invalid by field: a name that one has given already, a query that cannot be read, too many.
    """
    require(by, "saved_view.change")
    if is_shared:
        require(by, "saved_view.share")
    if by.user_id is None:
        raise NotAllowed(_("Only a person may do this."))
    with atomic():
        view = SavedView(
            owner_id=by.user_id,
            list=list,
            name=guards.text(name, "name", longest=LONGEST_VIEW_NAME),
            query=canonical_query(query),
            is_shared=is_shared,
            created_at=now,
        )
        mine = SavedView.objects.filter(owner=by.user_id, list=list)
        if mine.filter(name=view.name).exists():
            raise _taken()
        if mine.count() >= settings.THRESHOLDS.console.MOST_VIEWS:
            text = _("You keep %(count)d views of this list. Remove one first.") % {
                "count": settings.THRESHOLDS.console.MOST_VIEWS
            }
            raise Invalid(text, fields={"name": [text]})
        insert(view)
        emit("saved_view.saved", view, by=by, now=now, data={"list": list, "is_shared": is_shared})
    return view


def change_view(
    *, view: SavedView, name: str | None = None, is_shared: bool | None = None, by: Actor, now: datetime
) -> SavedView:
    """Rename one's own view, or share it or keep it for oneself again; what is not given stays.

    Raises NotAllowed (somebody else's; to share needs its own right), Invalid for a name that one has given already.
    """
    require(by, "saved_view.change")
    with atomic():
        row = SavedView.objects.select_for_update().get(pk=view.pk)
        if row.owner_id != by.user_id:
            raise NotAllowed(_("This view is somebody else's."), code="not_yours")
        was = (row.name, row.is_shared)
        row.name = row.name if name is None else guards.text(name, "name", longest=LONGEST_VIEW_NAME)
        row.is_shared = row.is_shared if is_shared is None else is_shared
        if row.is_shared and not was[1]:
            require(by, "saved_view.share")
        if (row.name, row.is_shared) == was:
            return row
        others = SavedView.objects.filter(owner=row.owner_id, list=row.list, name=row.name).exclude(pk=row.pk)
        if others.exists():
            raise _taken()
        with refusing(row):
            row.save(update_fields=["name", "is_shared"])
        emit("saved_view.changed", row, by=by, now=now, data={"is_shared": [was[1], row.is_shared]})
    return row


def delete_view(*, view: SavedView, by: Actor, now: datetime) -> None:
    """Remove one's own view, or with the right to share anybody's that is shared. Raises NotAllowed."""
    require(by, "saved_view.change")
    with atomic():
        row = SavedView.objects.select_for_update().filter(pk=view.pk).first()
        if row is None:
            return
        if row.owner_id != by.user_id and not (row.is_shared and may(by, "saved_view.share")):
            raise NotAllowed(_("This view is somebody else's."), code="not_yours")
        emit("saved_view.removed", row, by=by, now=now, data={"list": row.list})
        row.delete()


def _taken() -> Invalid:
    text = _("You have a view of this list with this name.")
    return Invalid(text, fields={"name": [text]})


def _unreadable() -> Invalid:
    text = _("These are no filters of a list.")
    return Invalid(text, fields={"query": [text]})
