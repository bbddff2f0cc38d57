"""What several verbs check before they write."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant, in_tenant
from tenancy.errors import Conflict, Invalid, NotFound
from tenancy.models import Tenant, User
from tenancy.states import ActorKind, StaffRole


def text(value: str, field: str, *, longest: int) -> str:
    """`value` without spaces around it. Raises Invalid when it is empty, too long or has a NUL character."""
    stripped = value.strip()
    if not stripped:
        raise Invalid(_("Something is missing."), fields={field: [_("This may not be empty.")]})
    if len(stripped) > longest or "\0" in stripped:
        why = _("At most %(longest)d characters, none of them NUL.") % {"longest": longest}
        raise Invalid(_("Something is too long."), fields={field: [why]})
    return stripped


def choice(value: str, field: str, allowed: Sequence[str]) -> str:
    """`value`. Raises Invalid when it is not one of `allowed`."""
    if value not in allowed:
        why = _("Must be one of: %(allowed)s.") % {"allowed": ", ".join(allowed)}
        raise Invalid(_("This choice does not exist."), fields={field: [why]})
    return value


def keep_platform(user: User) -> None:
    """Lock those who work as `platform`. Raises Conflict when `user` is the only one: nobody could name another."""
    platform = User.objects.filter(staff_role=StaffRole.PLATFORM, is_active=True)
    locked = list(platform.select_for_update().order_by("pk").values_list("pk", flat=True))
    if locked == [user.pk]:
        why = _("This is the last person in the role platform. Give it to somebody else first.")
        raise Conflict(why, state=StaffRole.PLATFORM, code="last_platform")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # walks a folder: 50 ms


def zone(value: str) -> str:
    """`value`. Raises Invalid when it names no time zone."""
    if value not in _zones():
        why = _("Use a name like Europe/Istanbul.")
        raise Invalid(_("There is no such time zone."), fields={"time_zone": [why]})
    return value


def within_reach(by: Actor, tenant: Tenant) -> None:
    """Raise NotFound when a member or a grant reaches for another tenant than the one they are in."""
    outsider = by.kind in (ActorKind.MEMBER, ActorKind.SUPPORT)
    if outsider and not (in_tenant() and current_tenant().pk == tenant.pk):
        raise NotFound(_("There is no such tenant."))


def customer(tenant: Tenant) -> None:
    """Raise Invalid for the row that stands for the operations console: it is nobody's tenant."""
    if tenant.schema_name == PUBLIC:
        raise Invalid(
            _("The operations console is not a tenant."), fields={"tenant": [_("Choose a tenant.")]}
        )


def changes(old: Model, seen: Model, wanted: Mapping[str, str]) -> dict[str, Any]:
    """What of `wanted` is not in `old`, the locked row, yet. Raises Conflict when `old` is not what the caller saw."""
    if any(str(getattr(old, name)) != str(getattr(seen, name)) for name in wanted):
        raise Conflict(_("Somebody changed this meanwhile. Look at it again."), code="changed_meanwhile")
    return {name: value for name, value in wanted.items() if str(getattr(old, name)) != value}
