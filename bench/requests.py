"""What measuring costs a list of 20 incidents: with the recorder and without it, taken in turn.

`python -m project.embedded -- python -m bench.requests`. As in bench.incidents; the recorder writes meanwhile, as
in life.
"""

import json
from statistics import median

from django.conf import settings
from django.test.utils import override_settings

from bench.incidents import caller, in_turn, prepared
from bench.measure import Row, show
from observability.models import RequestMetric
from observability.recording import requests
from observability.services import store_requests
from project.startup import settle

MEASURING = "observability.middleware.RequestMetricsMiddleware"
MOST = 1.03  # of the time without
TIMES = 5  # as often as elsewhere: the difference is small


def main() -> list[Row]:
    with prepared() as (tenant, secret, url), override_settings(METRICS_TOKEN="bench"):
        measured = caller(tenant, secret)
        with override_settings(MIDDLEWARE=[each for each in settings.MIDDLEWARE if each != MEASURING]):
            plain = caller(tenant, secret)
            listed = f"{url}?page_size=20"
            status, body = plain(listed)
        requests.start(store_requests)
        assert status.startswith("200"), body
        assert len(json.loads(body)["results"]) == 20
        assert measured(listed) == (status, body)
        settle()
        with_it, without = [], []
        for _ in range(TIMES):
            some, others = in_turn(lambda: measured(listed), lambda: plain(listed))
            with_it += some
            without += others
        requests.stop(timeout=10)
        noted = sum(sum(row.codes.values()) for row in RequestMetric.objects.all())
        assert noted == len(with_it) + 1
    return [
        Row(
            "list of 20 incidents, measured / 1.03 times not measured",
            median(with_it),
            MOST * median(without),
            plain=median(without),
        )
    ]


if __name__ == "__main__":
    show(main())
