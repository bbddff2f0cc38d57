"""Requests to a real web process: written every few seconds, and at its end."""

from http.client import HTTPConnection

from observability.models import RequestMetric
from tests.live.product import running


def test_a_process_that_is_asked_to_end_writes_what_it_has(committed, tmp_path):
    with committed() as tenant:
        with running(tmp_path, THRESHOLD_METRICS_FLUSH_SECONDS="50") as product:
            client = HTTPConnection("127.0.0.1", product.port, timeout=20)
            for path in ("/api/v1/me", "/api/v1/me", "/no/such/page"):
                client.request("GET", path, headers={"Host": product.host(tenant)})
                answer = client.getresponse()
                answer.read()
            client.close()
            assert not RequestMetric.objects.filter(tenant=tenant).exists()
            product.stop()
        rows = RequestMetric.objects.filter(tenant=tenant)
        assert {row.route: row.codes for row in rows} == {"api/v1/me": {"401": 2}, "(none)": {"404": 1}}
