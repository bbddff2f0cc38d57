"""How much one user of one tenant may ask of the API, and the headers that say how much is left.

One counter a minute in the cache, one round trip a request. The cache is asked with little patience, and not at all
for a while after it failed: then everybody is let through. So this keeps a script from drowning the others and is no
security boundary; around a change of the minute up to twice as much passes.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import redis
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tenancy.actors import Actor
from tenancy.context import current_schema

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports the default throttle, this one

logger = logging.getLogger(__name__)

API = "/api/"
WINDOW = 60  # not tunable: seconds; the threshold is per minute
POLICY = "user"
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a caller has asked in this minute, this request included, and the seconds until the next one."""

    limit: int
    used: int
    resets_in: int

    @property
    def is_over(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has them."""
        left = max(0, self.limit - self.used)
        return {
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={WINDOW}',
            "RateLimit": f'"{POLICY}";r={left};t={self.resets_in}',
        }


class UserThrottle(BaseThrottle):
    """Refuses what is beyond api.REQUESTS_PER_MINUTE: 429 with Retry-After."""

    rate: Rate | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        self.rate = rate_of(request._request)
        return self.rate is None or not self.rate.is_over

    def wait(self) -> float | None:
        return self.rate.resets_in if self.rate else None


class RateLimitMiddleware:
    """Adds the headers to every answer of the API to somebody who is signed in, refusals included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # A lazy actor is one that nobody asked for: a page of the console, or an answer before the door.
        if request.path.startswith(API) and type(getattr(request, "actor", None)) is Actor:
            rate = rate_of(request)
            for name, value in rate.headers().items() if rate else ():
                response[name] = value
        return response


def rate_of(request: HttpRequest) -> Rate | None:
    """Count `request`, once, for its actor; None for nobody, and when the cache did not say."""
    known = cast(Any, request)
    if not hasattr(known, "rate"):
        actor: Actor | None = known.actor
        known.rate = _spend(actor.user_id) if actor and actor.user_id is not None else None
    rate: Rate | None = known.rate
    return rate


def _spend(user_id: int) -> Rate | None:
    global _rests_until  # noqa: PLW0603  # a float that threads may overwrite for each other
    if time.monotonic() < _rests_until:
        return None
    minute, second = divmod(int(time.time()), WINDOW)
    key = f"rate:{current_schema()}:{user_id}:{minute}"
    try:
        used = int(_counter(settings.CACHE_URL)(keys=[key], args=[WINDOW]))
    except (redis.RedisError, OSError) as error:
        _rests_until = time.monotonic() + settings.THRESHOLDS.api.THROTTLE_REST_SECONDS
        logger.warning("requests are not counted, the cache does not answer: %s", error)
        return None
    limit = settings.THRESHOLDS.api.REQUESTS_PER_MINUTE
    return Rate(limit=limit, used=used, resets_in=WINDOW - second)


_rests_until = 0.0


@lru_cache(maxsize=1)  # not tunable: there is one cache
def _counter(url: str) -> Callable[..., Any]:
    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=settings.THRESHOLDS.api.THROTTLE_TIMEOUT_MS / 1000,
        socket_timeout=settings.THRESHOLDS.api.THROTTLE_TIMEOUT_MS / 1000,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(_COUNT)
