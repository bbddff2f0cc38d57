"""A tenant's host."""

from django.urls import include, path
from django.views.generic import RedirectView

from tenancy.web.admin import tenant_site

urlpatterns = [
    path("api/v1/", include("hypercare.api.urls")),
    path("api/v1/", include("tenancy.api.urls")),
    path("", RedirectView.as_view(url="/admin/"), name="home"),
    path("", include("tenancy.web.sign_in.urls")),
    path("admin/", tenant_site.urls),
]
handler400 = "tenancy.web.problems.bad_request"
handler403 = "tenancy.web.problems.permission_denied"
handler404 = "tenancy.web.problems.page_not_found"
handler500 = "tenancy.web.problems.server_error"
