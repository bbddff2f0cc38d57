"""The consoles' pages about tenants and people, flags, and what waits, is told and is recorded.

Imported in the order of the side menu.
"""

# isort: off
from tenancy.admin import (
    tenants,
    people,
    flags,
    thresholds,
    machinery,
    deliveries,
    endpoints,
    notifications,
    tokens,
    sessions,
    records,
    board,
)

__all__ = [
    "board",
    "deliveries",
    "endpoints",
    "flags",
    "machinery",
    "notifications",
    "people",
    "records",
    "sessions",
    "tenants",
    "thresholds",
    "tokens",
]
