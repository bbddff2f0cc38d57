"""What every log line carries: the tenant and the request."""

import logging

from tenancy.context import current_schema, request_id


class ScopeFilter(logging.Filter):
    """Adds `tenant` (its schema; `public` outside any) and `request_id` to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.tenant = current_schema()
        record.request_id = request_id.get()
        return True
