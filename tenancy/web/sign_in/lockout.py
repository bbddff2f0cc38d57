"""Wrong passwords and codes are counted (axes), and whoever gave too many waits.

Counted are one name at one address, and one address whatever the name: an address that many share may fail more
often. Wrong codes of one person are counted wherever they come from. A name that nobody has is counted like any other.
"""

from collections.abc import Mapping
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tenancy import services
from tenancy.models import User
from tenancy.web.problems import answer

LONGEST_NAME = 255  # not tunable: axes' column


def name_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Under which name a try is counted: the email in small letters."""
    given = credentials or {}
    name = str(given.get("username") or given.get("email") or "")
    return name.replace("\0", "").strip().lower()[:LONGEST_NAME]


def parameters(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> list[Any]:
    """What is counted together."""
    if name_of(request, credentials).startswith(services.CODE_OF):
        return ["username", "ip_address"]
    return [["username", "ip_address"], "ip_address"]


class Handler(AxesDatabaseHandler):  # type: ignore[misc]  # axes is untyped
    """axes' own, with another limit for an address than for a name."""

    def get_failures(self, request: Any, credentials: Any = None) -> int:
        """How often it failed, in wrong passwords of one person; an address's many weigh as few."""
        by_name, by_address = (
            attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        access = settings.THRESHOLDS.access
        weighed = by_address * access.LOGIN_FAILURES // access.LOGIN_FAILURES_PER_ADDRESS
        return max(int(by_name), int(weighed))

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Forget what this person did wrong here; not what others did at the same address."""
        super().user_logged_in(sender, request, user, **kwargs)
        name = name_of(request, {"email": user.email})
        passwords = Q(username=name, ip_address=request.axes_ip_address)
        AccessAttempt.objects.filter(passwords | Q(username=f"{services.CODE_OF}{name}")).delete()


def code_allowed(request: HttpRequest, user: User) -> bool:
    """Whether another code of `user` may be tried; marks the request for the 429 if not."""
    allowed: bool = AxesProxyHandler.is_allowed(request, _credentials(user))
    if not allowed:
        request.axes_locked_out = True  # type: ignore[attr-defined]
    return allowed


def count_code(request: HttpRequest, user: User) -> None:
    """Count a wrong code of `user`."""
    user_login_failed.send(sender=__name__, credentials=_credentials(user), request=request)


def refused(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """The answer to whoever gave too many wrong passwords or codes: the same whether the email exists."""
    minutes = settings.THRESHOLDS.access.LOGIN_COOL_OFF_MINUTES
    detail = _("Too many wrong tries. Please wait %(minutes)d minutes, then try again.") % {
        "minutes": minutes
    }
    return answer(request, 429, "login_locked", detail, headers={"Retry-After": str(minutes * 60)})


def _credentials(user: User) -> dict[str, str]:
    return {"username": f"{services.CODE_OF}{user.email}"}
