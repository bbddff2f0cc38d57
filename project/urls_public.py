"""The public host: the operations console."""

from django.urls import include, path
from django.views.generic import RedirectView

from tenancy.web.admin import public_site

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/"), name="home"),
    path("", include("tenancy.web.sign_in.urls")),
    path("admin/", public_site.urls),
    path("api/v1/", include("tenancy.api.urls")),
    path("api/v1/", include("observability.api.urls_public")),
]
handler400 = "tenancy.web.problems.bad_request"
handler403 = "tenancy.web.problems.permission_denied"
handler404 = "tenancy.web.problems.page_not_found"
handler500 = "tenancy.web.problems.server_error"
