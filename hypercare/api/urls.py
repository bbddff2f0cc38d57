from django.urls import path

from hypercare.api.views import changes, clocks, incidents, metrics, policies, projects

PROJECT = "projects/<uuid:project>"
HYPERCARE = f"{PROJECT}/hypercare"
INCIDENT = f"{HYPERCARE}/incidents/<uuid:incident>"
CHANGE = f"{HYPERCARE}/change-requests/<uuid:change>"

urlpatterns = [
    path("programs", projects.Programs.as_view(), name="programs"),
    path("programs/<uuid:program>", projects.OneProgram.as_view(), name="program"),
    path("me/projects", projects.MyProjects.as_view(), name="my-projects"),
    path("projects", projects.Projects.as_view(), name="projects"),
    path(PROJECT, projects.OneProject.as_view(), name="project"),
    path(f"{PROJECT}/members", projects.Members.as_view(), name="members"),
    path(f"{PROJECT}/members/<uuid:member>", projects.OneMember.as_view(), name="member"),
    path(f"{HYPERCARE}/incidents", incidents.Incidents.as_view(), name="incidents"),
    path(INCIDENT, incidents.OneIncident.as_view(), name="incident"),
    path(f"{INCIDENT}/first-response", incidents.FirstResponse.as_view(), name="first-response"),
    path(f"{INCIDENT}/assign", incidents.Assign.as_view(), name="assign"),
    path(f"{INCIDENT}/wait", incidents.Wait.as_view(), name="wait"),
    path(f"{INCIDENT}/resume", incidents.Resume.as_view(), name="resume"),
    path(f"{INCIDENT}/resolve", incidents.Resolve.as_view(), name="resolve"),
    path(f"{INCIDENT}/close", incidents.Close.as_view(), name="close"),
    path(f"{INCIDENT}/reopen", incidents.Reopen.as_view(), name="reopen"),
    path(f"{INCIDENT}/comments", incidents.Comments.as_view(), name="comments"),
    path(f"{INCIDENT}/clocks", clocks.Clocks.as_view(), name="clocks"),
    path(f"{INCIDENT}/timeline", incidents.Timeline.as_view(), name="timeline"),
    path(f"{HYPERCARE}/backlog-items", incidents.BacklogItems.as_view(), name="backlog-items"),
    path(f"{HYPERCARE}/sla-breaches", incidents.SlaBreaches.as_view(), name="sla-breaches"),
    path(f"{HYPERCARE}/policies", policies.Policies.as_view(), name="policies"),
    path(f"{HYPERCARE}/policies/<uuid:policy>", policies.OnePolicy.as_view(), name="policy"),
    path(f"{HYPERCARE}/calendars", policies.Calendars.as_view(), name="calendars"),
    path(f"{HYPERCARE}/calendars/<uuid:calendar>", policies.OneCalendar.as_view(), name="calendar"),
    path(f"{HYPERCARE}/metrics", metrics.ProjectMetrics.as_view(), name="metrics"),
    path(f"{HYPERCARE}/change-requests", changes.Changes.as_view(), name="changes"),
    path(CHANGE, changes.OneChange.as_view(), name="change"),
    path(f"{CHANGE}/submit", changes.Submit.as_view(), name="submit"),
    path(f"{CHANGE}/approve", changes.Approve.as_view(), name="approve"),
    path(f"{CHANGE}/reject", changes.Reject.as_view(), name="reject"),
    path(f"{CHANGE}/redraft", changes.Redraft.as_view(), name="redraft"),
    path(f"{CHANGE}/start", changes.Start.as_view(), name="start"),
    path(f"{CHANGE}/implement", changes.Implement.as_view(), name="implement"),
    path(f"{CHANGE}/close", changes.Close.as_view(), name="close-change"),
    path(f"{CHANGE}/timeline", changes.ChangeTimeline.as_view(), name="change-timeline"),
]
