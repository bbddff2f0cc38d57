"""The consoles' pages about how the system is. Imported in the order of the side menu."""

# isort: off
from observability.admin import health_page, alerts, duties, runbooks, summaries, watched

__all__ = ["alerts", "duties", "health_page", "runbooks", "summaries", "watched"]
