"""Endpoints: places outside that hear of a tenant's events. In the tenant's journal, the operators' own in theirs.

The journal names the host or the channel, never a path, a query or a secret: those may be the key themselves.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant, in_tenant
from tenancy.deliveries import ANY, Form, Offered, channel_named, channels, tell_endpoint, writable
from tenancy.errors import Conflict, Invalid, NotFound
from tenancy.models import Endpoint, Tenant
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.services.scopes import scopes_for
from tenancy.states import ActorKind, Language
from tenancy.transactions import atomic, emit, ref

WEBHOOK, SLACK, SLACK_WEBHOOK, PAGERDUTY = "webhook", "slack", "slack_webhook", "pagerduty"
LONGEST_ADDRESS = 500  # not tunable: the column's width
_VERB = re.compile(r"(?=.{3,60}$)[a-z_]+(\.[a-z_]+)+")
_SLACK_CHANNEL = re.compile(r"[CG][A-Z0-9]{6,20}")
_SLACK_TOKEN = re.compile(r"xoxb-[A-Za-z0-9-]{1,250}")
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")


# ---- verbs ----------------------------------------------------------------------------------------------------


def create_endpoint(
    *,
    tenant: Tenant,
    channel: str,
    name: str,
    address: str = "",
    secret: str = "",
    verbs: Sequence[str],
    urgent_only: bool = False,
    scope: UUID | None = None,
    language: str,
    time_zone: str,
    by: Actor,
    now: datetime,
) -> tuple[Endpoint, str]:
    """Make an endpoint and return it with the secret that we made for it: a webhook's; of others, nothing.

    A webhook has a URL as `address` and no `secret` yet; Slack a channel's id and a bot's token; a Slack incoming
    webhook and PagerDuty a secret alone. Raises NotAllowed, NotFound for another tenant, Invalid naming the
    fields at fault, Conflict for a name in use.
    """
    _own(tenant, by)
    guards.choice(channel, "channel", endpoint_channels())
    endpoint = Endpoint(
        tenant=tenant,
        channel=channel,
        name=guards.text(name, "name", longest=80),
        address=_ADDRESSES[channel](address.strip()),
        secret=_secret(channel, secret.strip()),
        verbs=_verbs(channel, verbs, tenant),
        urgent_only=urgent_only,
        scope=_scope(scope, by),
        language=guards.choice(language, "language", Language.values),
        time_zone=guards.zone(time_zone),
        created_at=now,
    )
    with atomic():
        _save(endpoint, force_insert=True)
        data = {
            "name": endpoint.name,
            "channel": channel,
            "where": where(endpoint),
            "verbs": endpoint.verbs,
            "urgent_only": urgent_only,
            "scope": scope,
        }
        _journal("created", endpoint, by=by, now=now, data=data)
    return endpoint, endpoint.secret if channel == WEBHOOK else ""


def change_endpoint(
    *,
    endpoint: Endpoint,
    name: str,
    address: str = "",
    verbs: Sequence[str],
    urgent_only: bool = False,
    scope: UUID | None,
    language: str,
    time_zone: str,
    by: Actor,
    now: datetime,
) -> Endpoint:
    """Make an endpoint what is given and return it; its channel and its secret stay.

    Raises NotAllowed, NotFound, Invalid naming the fields at fault, Conflict for a name in use.
    """
    with atomic():
        row = _locked(endpoint, by)
        given = {
            "name": guards.text(name, "name", longest=80),
            "address": _ADDRESSES[row.channel](address.strip()),
            "verbs": _verbs(row.channel, verbs, row.tenant),
            "urgent_only": urgent_only,
            "scope": scope if scope == row.scope else _scope(scope, by),
            "language": guards.choice(language, "language", Language.values),
            "time_zone": guards.zone(time_zone),
        }
        changed = {field: value for field, value in given.items() if str(getattr(row, field)) != str(value)}
        if not changed:
            return row
        for field, value in changed.items():
            setattr(row, field, value)
        _save(row, update_fields=list(changed))
        data = {field: value for field, value in changed.items() if field != "address"}
        if "address" in changed:
            data["where"] = where(row)
        _journal("changed", row, by=by, now=now, data=data)
    return row


def rotate_secret(*, endpoint: Endpoint, secret: str = "", by: Actor, now: datetime) -> str:
    """Give an endpoint another secret. A webhook's is made here and returned; of others, nothing is.

    A webhook's old secret signs beside the new one for delivery.SECRET_OVERLAP_HOURS, so that its receiver can
    change over; any other is replaced at once. Raises NotAllowed, NotFound, Invalid for what cannot be a secret.
    """
    with atomic():
        row = _locked(endpoint, by)
        new = _secret(row.channel, secret.strip())
        if row.channel == WEBHOOK:
            overlap = timedelta(hours=settings.THRESHOLDS.delivery.SECRET_OVERLAP_HOURS)
            row.previous_secret, row.previous_until = row.secret, now + overlap
        row.secret = new
        row.save(update_fields=["secret", "previous_secret", "previous_until"])
        _journal("secret_rotated", row, by=by, now=now, data={"previous_until": row.previous_until})
    return new if row.channel == WEBHOOK else ""


def disable_endpoint(*, endpoint: Endpoint, reason: str, by: Actor, now: datetime) -> None:
    """Send an endpoint nothing until it is enabled. What happens meanwhile it does not hear.

    Raises NotAllowed, NotFound, Invalid without a reason, Conflict when it is disabled already.
    """
    _own(endpoint.tenant, by)
    reason = guards.text(reason, "reason", longest=200)
    with atomic():
        live = Endpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=True)
        if not live.update(disabled_at=now, disabled_because=reason):
            raise Conflict(_("This endpoint is disabled already."), state="disabled", code="disabled")
        _journal("disabled", endpoint, by=by, now=now, data={"reason": reason})


def enable_endpoint(*, endpoint: Endpoint, by: Actor, now: datetime) -> None:
    """Let an endpoint hear of what happens from now on; its failures so far are forgotten.

    Raises NotAllowed, NotFound, Conflict when it is enabled.
    """
    _own(endpoint.tenant, by)
    with atomic():
        disabled = Endpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=False)
        if not disabled.update(disabled_at=None, disabled_because="", failing_since=None):
            raise Conflict(_("This endpoint is not disabled."), state="enabled", code="enabled")
        _journal("enabled", endpoint, by=by, now=now)


def remove_endpoint(*, endpoint: Endpoint, by: Actor, now: datetime) -> None:
    """Forget an endpoint and its secret. What it has not been sent yet is moot, and says so.

    Raises NotAllowed, NotFound.
    """
    with atomic():
        row = _locked(endpoint, by)
        _journal("removed", row, by=by, now=now, data={"name": row.name, "channel": row.channel})
        row.delete()


def send_test(*, endpoint: Endpoint, by: Actor, now: datetime) -> None:
    """Send one endpoint a message that says it is a test, whatever it subscribes to.

    Raises NotAllowed, NotFound, Conflict when it is disabled.
    """
    with atomic():
        row = _locked(endpoint, by)
        if row.disabled_at:
            raise Conflict(
                _("This endpoint is disabled; enable it first."), state="disabled", code="disabled"
            )
        event = _journal("tested", row, by=by, now=now)
        tell_endpoint(endpoint=row, message="endpoint.tested", subject=ref(row), event=event, now=now)


# ---- what can be chosen, and how it is shown ----------------------------------------------------------------------


def tenant_here() -> Tenant:
    """Whose endpoints this host has: the tenant, on the public host the operators' own row."""
    here: Tenant = current_tenant() if in_tenant() else Tenant.objects.get(schema_name=PUBLIC)
    return here


def endpoint_channels() -> list[str]:
    """The channels that an endpoint may have: those that are registered and that we know how to check."""
    return sorted(_ADDRESSES.keys() & channels().keys())


def takes_any_event(channel: str) -> bool:
    """Whether an endpoint on `channel` may subscribe to events by any name, and to all with `*`."""
    return channel_named(channel).form == Form.DATA


def events_of(channel: str, tenant: Tenant) -> list[str]:
    """The events that somebody writes for `channel` and that `tenant` has: the public one the operators'."""
    to = Offered.OPERATORS if tenant.schema_name == PUBLIC else Offered.TENANTS
    return [verb for verb in writable(channel_named(channel).form, to) if verb != ANY]


def where(endpoint: Endpoint) -> str:
    """Where an endpoint is, as far as that is no secret: a webhook's host, a Slack channel's id."""
    if endpoint.channel == WEBHOOK:
        return urlsplit(endpoint.address).hostname or ""
    return endpoint.address


# ---- checks -----------------------------------------------------------------------------------------------------


def _own(tenant: Tenant, by: Actor) -> None:
    """A tenant's endpoints are its admins', the operators' are ours: an endpoint of ours in a tenant would be a
    way around the grant."""
    require(by, "endpoint.change")
    guards.within_reach(by, tenant)
    if by.kind == ActorKind.STAFF and tenant.schema_name != PUBLIC:
        raise NotFound(_("There is no such tenant."))


def _locked(endpoint: Endpoint, by: Actor) -> Endpoint:
    _own(endpoint.tenant, by)
    rows = Endpoint.objects.select_for_update(of=("self",)).select_related("tenant")
    row = rows.filter(pk=endpoint.pk).first()
    if row is None:
        raise NotFound(_("There is no such endpoint."))
    return row


def _save(endpoint: Endpoint, **how: Any) -> None:
    try:
        with atomic(savepoint=True):
            endpoint.save(**how)
    except IntegrityError as error:
        raise Conflict(_("There is an endpoint with this name already."), code="name_taken") from error


def _journal(
    what: str, endpoint: Endpoint, *, by: Actor, now: datetime, data: dict[str, Any] | None = None
) -> UUID:
    schema = endpoint.tenant.schema_name
    return emit(f"endpoint.{what}", endpoint, by=by, now=now, data=data, schema=schema)


def _wrong(field: str, why: object) -> Invalid:
    return Invalid(_("This endpoint cannot be as it is given."), fields={field: [why]})


def _web_address(value: str, field: str) -> str:
    """`value`, an absolute https URL without credentials and fragment. Where it leads is checked when we send."""
    schemes = ["https", "http"] if settings.EGRESS_ALLOW_LOOPBACK else ["https"]
    try:
        if len(value) > LONGEST_ADDRESS:
            raise ValueError(value)
        URLValidator(schemes=schemes)(value)
        parts = urlsplit(value)
        _port = parts.port
    except (ValidationError, ValueError) as error:
        why = _("Use a whole address that begins with https://, of %(longest)d characters at most.")
        raise _wrong(field, why % {"longest": LONGEST_ADDRESS}) from error
    if parts.username is not None or parts.password is not None or "#" in value:
        raise _wrong(field, _("An address has no user, no password and no # here."))
    if not _may_be_outside(parts.hostname or ""):
        raise _wrong(field, _("This address is not on the internet: we send to public addresses only."))
    return value


def _may_be_outside(host: str) -> bool:
    """Whether `host` is a name, or a number on the internet (loopback, where that is allowed)."""
    try:
        number = ip_address(host)
    except ValueError:
        return True
    return number.is_global or (number.is_loopback and settings.EGRESS_ALLOW_LOOPBACK)


def _slack_channel(value: str) -> str:
    if not _SLACK_CHANNEL.fullmatch(value):
        raise _wrong(
            "address", _("Use the channel's id: it begins with C or G and is in the channel's details.")
        )
    return value


def _no_address(value: str) -> str:
    if value:
        raise _wrong("address", _("This channel has no address: its secret says it all."))
    return ""


_ADDRESSES: dict[str, Callable[[str], str]] = {
    WEBHOOK: lambda value: _web_address(value, "address"),
    SLACK: _slack_channel,
    SLACK_WEBHOOK: _no_address,
    PAGERDUTY: _no_address,
}


def _secret(channel: str, given: str) -> str:
    """The secret to keep: for a webhook one of ours, as Standard Webhooks writes it; for others what is given."""
    if channel == WEBHOOK:
        if given:
            raise _wrong("secret", _("We make a webhook's secret."))
        return "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    if channel == SLACK_WEBHOOK:
        return _web_address(given, "secret")
    if channel == SLACK and not _SLACK_TOKEN.fullmatch(given):
        raise _wrong("secret", _("Use the bot's token: it begins with xoxb-."))
    if channel == PAGERDUTY and not _ROUTING_KEY.fullmatch(given):
        raise _wrong("secret", _("Use the integration's routing key: 32 letters and digits."))
    return given


def _verbs(channel: str, given: Sequence[str], tenant: Tenant) -> list[str]:
    verbs = sorted(set(given))
    if not verbs:
        raise _wrong("verbs", _("Choose one event at least."))
    if takes_any_event(channel):
        wrong = [verb for verb in verbs if verb != ANY and not _VERB.fullmatch(verb)]
    else:
        wrong = sorted(set(verbs) - set(events_of(channel, tenant)))
    if wrong:
        why = _("Nobody can write these here: %(events)s.") % {"events": ", ".join(wrong)[:200]}
        raise _wrong("verbs", why)
    return [ANY] if ANY in verbs else verbs


def _scope(scope: UUID | None, by: Actor) -> UUID | None:
    if scope is not None and scope not in scopes_for(by):
        raise _wrong("scope", _("There is no such project."))
    return scope
