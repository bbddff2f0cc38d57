"""Which tenant a host leads to, while what is remembered ends."""

from itertools import count

import pytest
from cachetools import TTLCache

from tenancy import hosts
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("lifetime", range(1, 12))
def test_a_host_is_found_whenever_its_memory_ends(acme, monkeypatch, lifetime):
    """Time goes on with every look at the clock, so that the memory ends at each step in turn."""
    ticks = count()
    monkeypatch.setattr(hosts, "_cache", TTLCache(maxsize=10, ttl=lifetime, timer=lambda: next(ticks)))
    for _request in range(5):
        assert hosts.find(factories.host_of(acme)) == acme
        assert hosts.find("nobody.example") is None
