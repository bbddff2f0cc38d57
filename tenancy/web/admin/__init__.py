"""The console's base: two sites, and a ModelAdmin that shows rows and offers verbs, and never saves.

Every write is a `Verb`: a form, a right, and a service called with the actor and the time. Django's own add,
change and delete pages are closed; LogEntry stays empty, because history is the journal (architecture.md).
"""

from tenancy.web.admin.lists import MemberFilter, fold
from tenancy.web.admin.looks import moment, pill
from tenancy.web.admin.rows import ConsoleWrites, Inline, ModelAdmin
from tenancy.web.admin.sites import Page, public_site, tenant_site
from tenancy.web.admin.verbs import Made, Verb
from tenancy.web.admin.who import actor_in, allowed

__all__ = [
    "ConsoleWrites",
    "Inline",
    "Made",
    "MemberFilter",
    "ModelAdmin",
    "Page",
    "Verb",
    "actor_in",
    "allowed",
    "fold",
    "moment",
    "pill",
    "public_site",
    "tenant_site",
]
