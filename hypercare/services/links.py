"""Where people read on: the pages of the app, which customers see too."""

from hypercare.models import ChangeRequest, Incident


def incident_page(base_url: str, incident: Incident) -> str:
    return f"{base_url}/p/{incident.project.code}/incidents/{incident.number}"


def change_page(base_url: str, change: ChangeRequest) -> str:
    return f"{base_url}/p/{change.project.code}/changes/{change.number}"
