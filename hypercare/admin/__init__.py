"""The tenant's console: incidents with their clocks, change requests, and the projects and people around them."""

from hypercare.admin import (
    backlog,
    changes,
    health,
    incidents,
    landscape,
    overview,
    policies,
    projects,
    sheets,
    views,
)

__all__ = [
    "backlog",
    "changes",
    "health",
    "incidents",
    "landscape",
    "overview",
    "policies",
    "projects",
    "sheets",
    "views",
]
