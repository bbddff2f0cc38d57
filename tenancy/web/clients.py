"""From where a request comes."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

LONGEST_AGENT = 200  # not tunable: the column's width


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address, behind as many proxies as REST_FRAMEWORK["NUM_PROXIES"] says; None if it is none.

    Each proxy adds whom it heard to X-Forwarded-For; what stands before those entries is the client's to invent.
    """
    proxies: int = settings.REST_FRAMEWORK["NUM_PROXIES"]
    heard = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    given = heard[-min(proxies, len(heard))] if proxies and heard else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(given))
    except ValueError:
        return None


def agent_of(request: HttpRequest) -> str:
    """What the browser calls itself, cut."""
    said: str = request.META.get("HTTP_USER_AGENT", "")
    return said.replace("\0", "")[:LONGEST_AGENT]
