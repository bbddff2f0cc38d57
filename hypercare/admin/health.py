"""What System health says of incidents: of all tenants on the public host, on a tenant's of what the actor sees."""

from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse

from hypercare import services
from hypercare.admin.looks import severity_badge
from hypercare.models import Incident
from hypercare.services import Load
from hypercare.states import Severity
from observability.admin.health_facts import Incidents, Landscape, register_incidents
from tenancy.context import current_tenant, in_tenant
from tenancy.web.admin import actor_in


def count_incidents(request: HttpRequest, now: datetime, since: datetime) -> Landscape:
    levels = {level: severity_badge(level) for level in Severity.values}
    if not in_tenant():
        found, unread = services.loads(now=now, since=since)
        tenants = {pk: _incidents(load) for pk, load in found.items()}
        return Landscape(levels, tenants, unread, f"{reverse('admin:index')}#hc-landscape")
    tenant, actor = current_tenant(), actor_in(request)
    assert actor is not None, "the page is for those who may read it"
    own = services.load_of(Incident.objects.visible_to(actor, tenant), now=now, since=since)
    return Landscape(levels, {tenant.pk: _incidents(own)}, [], reverse("admin:hypercare_incident_changelist"))


def _incidents(load: Load) -> Incidents:
    return Incidents(load.open, load.breached, load.reported, load.last_at)


register_incidents(count_incidents)
