"""Who may be in the console of this host, and what they may do there."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import current_tenant, in_tenant
from tenancy.permissions import may
from tenancy.states import ActorKind, Role


def opens_console(actor: Actor | None) -> bool:
    """Whether the console of this host is for `actor`: staff in public, at least an agent in a tenant."""
    if actor is None:
        return False
    return actor.at_least(Role.AGENT) if in_tenant() else actor.kind == ActorKind.STAFF


def actor_in(request: HttpRequest) -> Actor | None:
    """The actor that the access middleware found, or None."""
    actor = getattr(request, "actor", None)
    return actor if isinstance(actor, Actor) else None  # the middleware's is lazy, and may hold None


def allowed(request: HttpRequest, action: str) -> bool:
    actor = actor_in(request)
    return actor is not None and may(actor, action)


def place() -> str:
    """What this host is called: the tenant's name, or the operations console."""
    return current_tenant().name if in_tenant() else str(_("the operations console"))
