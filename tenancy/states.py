"""The closed sets of words that tenancy stores."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class TenantState(models.TextChoices):
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    PURGED = "purged", _("purged")


class Role(models.TextChoices):
    """What a member may do in one tenant; each role may do what those before it may."""

    CUSTOMER = "customer", _("customer")
    AGENT = "agent", _("agent")
    MANAGER = "manager", _("manager")
    ADMIN = "admin", _("admin")


class StaffRole(models.TextChoices):
    """What one of us may do on the public host. No staff role opens a tenant: a SupportGrant does."""

    SUPPORT = "support", _("support")
    RELEASE = "release", _("release")
    PLATFORM = "platform", _("platform")


class ActorKind(models.TextChoices):
    MEMBER = "member", _("member")
    SUPPORT = "support", _("support grant")
    STAFF = "staff", _("staff")
    SYSTEM = "system", _("system")


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    TURKISH = "tr", "Türkçe"


class NoticeLevel(models.TextChoices):
    """How much somebody wants to be told."""

    ALL = "all", _("everything")
    URGENT = "urgent", _("only P1 and P2")
    NOTHING = "nothing", _("nothing")


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("pending")
    LEASED = "leased", _("leased")
    SENT = "sent", _("sent")
    AMBIGUOUS = "ambiguous", _("ambiguous")
    DEAD = "dead", _("dead")
    MOOT = "moot", _("needless")


class Signal(models.TextChoices):
    """What is counted because it may be somebody trying doors (product.md, Tenancy)."""

    CROSS_SCOPE = "cross_scope_access_attempt", _("another project was asked for")
    SCOPE_MISMATCH = "scope_mismatch_error", _("program and project do not belong together")


class Result(models.TextChoices):
    PASS = "PASS", "PASS"
    FAIL = "FAIL", "FAIL"


TENANT_MOVES: dict[str, tuple[str, ...]] = {
    TenantState.ACTIVE: (TenantState.SUSPENDED,),
    TenantState.SUSPENDED: (TenantState.ACTIVE, TenantState.PURGED),
    TenantState.PURGED: (),
}
DELIVERY_MOVES: dict[str, tuple[str, ...]] = {
    DeliveryState.PENDING: (DeliveryState.LEASED,),
    DeliveryState.LEASED: (
        DeliveryState.SENT,
        DeliveryState.PENDING,
        DeliveryState.AMBIGUOUS,
        DeliveryState.DEAD,
        DeliveryState.MOOT,
    ),
    DeliveryState.AMBIGUOUS: (DeliveryState.PENDING,),
    DeliveryState.DEAD: (DeliveryState.PENDING,),
    DeliveryState.MOOT: (DeliveryState.PENDING,),  # an endpoint's alone: it may be switched on again
    DeliveryState.SENT: (),
}
