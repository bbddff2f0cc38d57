"""What people can narrow a subscription or a preference to: the registry that higher apps fill."""

from collections.abc import Callable
from uuid import UUID

from tenancy.actors import Actor
from tenancy.context import in_tenant

Offer = Callable[[Actor], list[tuple[UUID, str]]]
_offers: list[Offer] = []


def offer_scopes(offer: Offer) -> None:
    """Say which scopes an actor sees in the current tenant, by name; for AppConfig.ready()."""
    _offers.append(offer)


def scopes_for(actor: Actor) -> dict[UUID, str]:
    """The scopes that `actor` sees here, with their names; on the public host there are none."""
    return {scope: name for offer in _offers for scope, name in offer(actor)} if in_tenant() else {}
