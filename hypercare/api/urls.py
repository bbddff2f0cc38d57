from django.urls import path

from hypercare.api import views

PROJECT = "projects/<uuid:project>"
HYPERCARE = f"{PROJECT}/hypercare"
INCIDENT = f"{HYPERCARE}/incidents/<uuid:incident>"

urlpatterns = [
    path("programs", views.Programs.as_view(), name="programs"),
    path("projects", views.Projects.as_view(), name="projects"),
    path(PROJECT, views.OneProject.as_view(), name="project"),
    path(f"{PROJECT}/members", views.Members.as_view(), name="members"),
    path(f"{PROJECT}/members/<uuid:member>", views.OneMember.as_view(), name="member"),
    path(f"{HYPERCARE}/incidents", views.Incidents.as_view(), name="incidents"),
    path(INCIDENT, views.OneIncident.as_view(), name="incident"),
    path(f"{INCIDENT}/first-response", views.FirstResponse.as_view(), name="first-response"),
    path(f"{INCIDENT}/assign", views.Assign.as_view(), name="assign"),
    path(f"{INCIDENT}/resolve", views.Resolve.as_view(), name="resolve"),
    path(f"{INCIDENT}/timeline", views.Timeline.as_view(), name="timeline"),
    path(f"{HYPERCARE}/sla-breaches", views.SlaBreaches.as_view(), name="sla-breaches"),
    path(f"{HYPERCARE}/metrics", views.ProjectMetrics.as_view(), name="metrics"),
]
