"""Who is an owner of alerts now, and so hears of them. In the operators' journal."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from observability.models import Duty
from observability.states import Owner
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid
from tenancy.models import User
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic, emit


def put_on_duty(*, user: User, owner: str, by: Actor, now: datetime) -> Duty:
    """Have `user` hear of the alerts of `owner` from now on.

    Raises NotAllowed, Invalid for an unknown owner or for somebody who is no active staff, Conflict when they do.
    """
    require(by, "duty.change")
    guards.choice(owner, "owner", Owner.values)
    if not (user.staff_role and user.is_active):
        why = _("Choose somebody of us who is active.")
        raise Invalid(_("Alerts are for active staff."), fields={"user": [why]})
    with atomic():
        duty, is_new = Duty.objects.get_or_create(owner=owner, user=user, defaults={"since": now})
        if not is_new:
            raise Conflict(_("They have this duty already."), state=owner)
        data = {"owner": owner, "user": user.pk}
        emit("duty.given", duty, by=by, now=now, data=data, schema=PUBLIC)
    return duty


def take_off_duty(*, duty: Duty, by: Actor, now: datetime) -> None:
    """Have somebody hear of an owner's alerts no longer. The last one may go: `doctor` and the board say so.

    Raises NotAllowed, Conflict when they are off already.
    """
    require(by, "duty.change")
    with atomic():
        count, _rows = Duty.objects.filter(pk=duty.pk).delete()
        if not count:
            raise Conflict(_("They are off this duty already."), state="off")
        data = {"owner": duty.owner, "user": duty.user_id}
        emit("duty.ended", f"duty:{duty.pk}", by=by, now=now, data=data, schema=PUBLIC)
