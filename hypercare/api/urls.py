"""The API of hypercare. What is under a project is found by its beginning, so that no request tries every pattern."""

from django.urls import URLPattern, URLResolver, include, path

from hypercare.api.views import changes, clocks, incidents, metrics, policies, projects, war_room

INCIDENT = [
    path("first-response", incidents.FirstResponse.as_view(), name="first-response"),
    path("assign", incidents.Assign.as_view(), name="assign"),
    path("escalate", incidents.Escalate.as_view(), name="escalate"),
    path("wait", incidents.Wait.as_view(), name="wait"),
    path("resume", incidents.Resume.as_view(), name="resume"),
    path("resolve", incidents.Resolve.as_view(), name="resolve"),
    path("close", incidents.Close.as_view(), name="close"),
    path("reopen", incidents.Reopen.as_view(), name="reopen"),
    path("comments", incidents.Comments.as_view(), name="comments"),
    path("comments/preview", incidents.CommentPreview.as_view(), name="comment-preview"),
    path("clocks", clocks.Clocks.as_view(), name="clocks"),
    path("timeline", incidents.Timeline.as_view(), name="timeline"),
]
CHANGE = [
    path("submit", changes.Submit.as_view(), name="submit"),
    path("approve", changes.Approve.as_view(), name="approve"),
    path("reject", changes.Reject.as_view(), name="reject"),
    path("redraft", changes.Redraft.as_view(), name="redraft"),
    path("start", changes.Start.as_view(), name="start"),
    path("implement", changes.Implement.as_view(), name="implement"),
    path("close", changes.Close.as_view(), name="close-change"),
    path("timeline", changes.ChangeTimeline.as_view(), name="change-timeline"),
]
HYPERCARE: list[URLPattern | URLResolver] = [
    path("incidents", incidents.Incidents.as_view(), name="incidents"),
    path("incidents/<uuid:incident>", incidents.OneIncident.as_view(), name="incident"),
    path("backlog-items", incidents.BacklogItems.as_view(), name="backlog-items"),
    path("sla-breaches", incidents.SlaBreaches.as_view(), name="sla-breaches"),
    path("policies", policies.Policies.as_view(), name="policies"),
    path("policies/<uuid:policy>", policies.OnePolicy.as_view(), name="policy"),
    path("calendars", policies.Calendars.as_view(), name="calendars"),
    path("calendars/<uuid:calendar>", policies.OneCalendar.as_view(), name="calendar"),
    path("war-room", war_room.WarRoom.as_view(), name="war-room"),
    path("metrics", metrics.ProjectMetrics.as_view(), name="metrics"),
    path("change-requests", changes.Changes.as_view(), name="changes"),
    path("change-requests/<uuid:change>", changes.OneChange.as_view(), name="change"),
    path("incidents/<uuid:incident>/", include(INCIDENT)),
    path("change-requests/<uuid:change>/", include(CHANGE)),
]
urlpatterns = [
    path("projects/<uuid:project>/hypercare/", include(HYPERCARE)),
    path("programs", projects.Programs.as_view(), name="programs"),
    path("programs/<uuid:program>", projects.OneProgram.as_view(), name="program"),
    path("me/projects", projects.MyProjects.as_view(), name="my-projects"),
    path("projects", projects.Projects.as_view(), name="projects"),
    path("projects/<uuid:project>", projects.OneProject.as_view(), name="project"),
    path("projects/<uuid:project>/members", projects.Members.as_view(), name="members"),
    path("projects/<uuid:project>/members/<uuid:member>", projects.OneMember.as_view(), name="member"),
]
