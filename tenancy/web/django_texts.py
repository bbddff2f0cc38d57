"""Texts of Django whose Turkish we say otherwise; library_texts has those that have none.

Django says "süzgeç" and "filtre" for one thing, "Giriş" for the first page, and misspells one word.
"""

from django.utils.translation import gettext_noop as _

DJANGO = (
    _(" By %(filter_title)s "),
    _("Clear all filters"),
    _("Filter navigation items"),
    _("Home"),
    _("Password change"),
)
