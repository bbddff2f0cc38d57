"""A tenant's host."""

from django.urls import include, path

from tenancy.api.live import TicketView
from tenancy.web.admin import tenant_site
from tenancy.web.app import App

urlpatterns = [
    path("api/v1/", include("hypercare.api.urls")),
    path("api/v1/", include("tenancy.api.urls")),
    path("api/v1/", include("observability.api.urls")),
    path("api/v1/events/ticket", TicketView.as_view(), name="events-ticket"),
    path("", App.as_view(), name="home"),
    path("sign-in", App.as_view(), name="app-sign-in"),
    path("p/<path:page>", App.as_view(), name="app-page"),
    path("", include("tenancy.web.sign_in.urls")),
    path("admin/", tenant_site.urls),
]
handler400 = "tenancy.web.problems.bad_request"
handler403 = "tenancy.web.problems.permission_denied"
handler404 = "tenancy.web.problems.page_not_found"
handler500 = "tenancy.web.problems.server_error"
