"""What the verbs of the journals, and the kinds of deadlines, are called: the registry that apps fill."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

VERBS: dict[str, Any] = {
    "deadline.dead": _("Deadline dead"),
    "deadline.replayed": _("Deadline replayed"),
    "deadlines.rebuilt": _("Deadlines rebuilt"),
    "delivery.ambiguous": _("Delivery ambiguous"),
    "delivery.dead": _("Delivery dead"),
    "delivery.moot": _("Delivery needless"),
    "delivery.replayed": _("Delivery replayed"),
    "delivery.retried": _("Delivery tried at once"),
    "endpoint.changed": _("Endpoint changed"),
    "endpoint.created": _("Endpoint created"),
    "endpoint.disabled": _("Endpoint disabled"),
    "endpoint.enabled": _("Endpoint enabled"),
    "endpoint.removed": _("Endpoint removed"),
    "endpoint.secret_rotated": _("Endpoint's secret rotated"),
    "endpoint.tested": _("Endpoint tested"),
    "flag.set": _("Flag set"),
    "grant.ended": _("Support grant ended"),
    "grant.opened": _("Support grant opened"),
    "journal.heads_exported": _("Heads of the journals exported"),
    "journal.personal_erased": _("Personal data erased"),
    "journal.pruned": _("Journal pruned"),
    "machinery.alarm": _("Alarm of the machinery"),
    "member.added": _("Member added"),
    "member.removed": _("Member removed"),
    "member.role_changed": _("Member's role changed"),
    "preference.changed": _("Notifications set"),
    "schedule.switched": _("Periodic task switched"),
    "segment.created": _("Segment created"),
    "segment.renamed": _("Segment renamed"),
    "tenant.changed": _("Tenant changed"),
    "tenant.created": _("Tenant created"),
    "tenant.moved": _("Tenant moved to another segment"),
    "tenant.purged": _("Tenant purged"),
    "tenant.resumed": _("Tenant resumed"),
    "tenant.suspended": _("Tenant suspended"),
    "token.issued": _("Token issued"),
    "token.revoked": _("Token revoked"),
    "user.anonymised": _("User anonymised"),
    "user.changed": _("User changed"),
    "user.created": _("User created"),
    "user.deactivated": _("User deactivated"),
    "user.password_set": _("Password set"),
    "user.reactivated": _("User switched on again"),
    "user.staff_role_changed": _("Staff role changed"),
    "user.unlocked": _("Lock of the sign-in lifted"),
    "user.second_factor_reset": _("Second factor reset"),
    "user.second_factor_off": _("Second factor switched off"),
    "user.second_factor_on": _("Second factor switched on"),
    "user.recovery_codes_renewed": _("Recovery codes renewed"),
    "user.recovery_code_used": _("Recovery code used"),
    "user.password_reset": _("Link for a new password sent"),
    "user.invited": _("Invitation sent"),
    "session.ended": _("Sessions ended"),
}

_words: dict[str, Any] = {}


def name_verbs(words: Mapping[str, Any]) -> None:
    """Say what verbs and kinds of deadline are called, lazily; for AppConfig.ready().

    Raises ValueError on one named twice.
    """
    doubles = _words.keys() & words.keys()
    if doubles:
        raise ValueError(f"named twice: {sorted(doubles)}")
    _words.update(words)


def named_verbs() -> dict[str, Any]:
    """A copy of the whole table."""
    return dict(_words)


def words_of(verb: str) -> str:
    """What `verb` is called; an old one that nobody names any more is called as it is written."""
    return str(_words.get(verb, verb))
