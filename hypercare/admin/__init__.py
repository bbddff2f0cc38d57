"""The tenant's console: incidents with their clocks, change requests, and the projects and people around them."""

from hypercare.admin import changes, incidents, overview, projects

__all__ = ["changes", "incidents", "overview", "projects"]
