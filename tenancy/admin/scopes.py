"""Names of the projects that shared rows know by number alone."""

from django.db.models import Case, CharField, Value, When
from django.http import HttpRequest
from django.utils.translation import gettext as _

from tenancy import services
from tenancy.web.authentication import actor_of


def scope_name(request: HttpRequest) -> Case:
    """The name of a row's `scope`, as far as the actor sees it."""
    seen = services.scopes_for(actor_of(request))
    return Case(
        When(scope__isnull=True, then=Value(_("all projects"))),
        *(When(scope=scope, then=Value(name)) for scope, name in seen.items()),
        default=Value(_("a project that you do not see")),
        output_field=CharField(),
    )
