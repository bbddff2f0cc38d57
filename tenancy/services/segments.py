"""Segments, and which tenant is in which. In the operators' journal."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Conflict, Invalid
from tenancy.models import Segment, Tenant
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.states import TenantState
from tenancy.transactions import atomic, emit


def create_segment(*, key: str, name: str, by: Actor, now: datetime) -> Segment:
    """Make a segment. Raises NotAllowed, Invalid for a key or name that cannot be, Conflict for a key in use."""
    require(by, "segment.change")
    key = guards.text(key, "key", longest=40)
    try:
        validate_slug(key)
    except ValidationError as error:
        raise Invalid(_("This key cannot be used."), fields={"key": error.messages}) from error
    segment = Segment(key=key, name=guards.text(name, "name", longest=80))
    with atomic():
        try:
            with atomic():
                segment.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict(_("There is a segment with this key already."), code="segment_taken") from error
        emit("segment.created", segment, by=by, now=now, data={"key": key}, schema=PUBLIC)
    return segment


def rename_segment(*, segment: Segment, name: str, by: Actor, now: datetime) -> bool:
    """Call a segment otherwise; its key stays. False when it is called so already.

    Raises NotAllowed, Invalid for a name that cannot be, Conflict when it is not called as `segment` says any more.
    """
    require(by, "segment.change")
    name = guards.text(name, "name", longest=80)
    with atomic():
        old = Segment.objects.select_for_update().get(pk=segment.pk)
        changed = guards.changes(old, segment, {"name": name})
        if not changed:
            return False
        Segment.objects.filter(pk=old.pk).update(**changed)
        emit("segment.renamed", old, by=by, now=now, data={"name": [old.name, name]}, schema=PUBLIC)
    return True


def move_to_segment(*, tenant: Tenant, segment: Segment | None, by: Actor, now: datetime) -> None:
    """Put a tenant into a segment, or into none. Flags set for a segment before stay as they are in the tenant.

    Raises NotAllowed, Invalid for the operations console, Conflict for a purged tenant or if it is there already.
    """
    require(by, "segment.change")
    guards.customer(tenant)
    with atomic():
        old = Tenant.objects.select_for_update(of=("self",)).select_related("segment").get(pk=tenant.pk)
        if old.state == TenantState.PURGED or old.segment_id == (segment.pk if segment else None):
            raise Conflict(_("The tenant is in this segment already, or purged."), state=old.state)
        Tenant.objects.filter(pk=tenant.pk).update(segment=segment)
        was, becomes = (each.key if each else None for each in (old.segment, segment))
        emit("tenant.moved", old, by=by, now=now, data={"segment": [was, becomes]}, schema=PUBLIC)
