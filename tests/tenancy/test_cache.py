import pytest
from django.core.cache import cache

from tenancy.context import entering

pytestmark = pytest.mark.django_db


def test_no_tenant_reads_what_another_stored(acme, globex):
    with entering(acme):
        cache.set("answer", "acme's", timeout=60)
    cache.set("answer", "public's", timeout=60)
    with entering(globex):
        assert cache.get("answer") is None
    with entering(acme):
        assert cache.get("answer") == "acme's"
        cache.delete("answer")
    assert cache.get("answer") == "public's"
    cache.delete("answer")
