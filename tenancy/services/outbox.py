"""What staff do about deliveries that wait."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict
from tenancy.models import Delivery
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.states import DeliveryState
from tenancy.transactions import atomic, emit
from tenancy.wake import wake


def retry_delivery(*, delivery: Delivery, reason: str, by: Actor, now: datetime) -> None:
    """Have a delivery that waits for its next try tried now; its tries so far count.

    Raises NotAllowed, Invalid without a reason, Conflict unless it waits.
    """
    require(by, "delivery.replay")
    data = {"tenant": delivery.tenant_id, "reason": guards.text(reason, "reason", longest=500)}
    with atomic():
        waits = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.PENDING, next_try_at__gt=now)
        if not waits.update(next_try_at=now):
            raise Conflict(_("This delivery does not wait for another try."), state=delivery.state)
        emit("delivery.retried", f"delivery:{delivery.pk}", by=by, now=now, data=data, schema=PUBLIC)
        wake("dispatch")
