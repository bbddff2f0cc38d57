"""The console as a Turkish reader sees it: no English left, where ours, Unfold's and Celery Beat's words meet."""

from datetime import timedelta
from html import unescape

import pytest
from django.apps import apps
from django.utils import translation
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from hypercare import services
from project.management.commands import library_texts
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.web import django_texts

pytestmark = pytest.mark.django_db
LIST = "/admin/hypercare/incident/"


@pytest.fixture
def reader(acme, users, browser, project):
    """The project's manager, in Turkish."""
    users["manager"].language = "tr"
    users["manager"].save()
    return browser(acme, users["manager"])


@pytest.fixture
def operator(public, users, browser):
    users["platform"].language = "tr"
    users["platform"].save()
    return browser(public, users["platform"])


def text(response):
    return unescape(" ".join(response.content.decode().split()))


def test_story_of_an_incident_is_told_in_words(acme, reader, report, users, now):
    incident = report(severity="P1", at=now - timedelta(minutes=65))
    agent = Actor.member(users["agent"].pk, "agent")
    with entering(acme):
        services.record_breaches(
            incident_ids=[incident.pk], clock="response", by=Actor.system("sweep"), now=now
        )
        services.assign(incident=incident, assigned_to_id=users["agent"].pk, by=agent, now=now)
        services.resolve(
            incident=incident,
            root_cause="Disk doldu",
            resolution_notes="Yer açıldı",
            root_cause_category="config",
            by=agent,
            now=now,
        )
    page = reader.get(f"{LIST}{incident.pk}/change/")
    told = {(line.who, str(line.what)): line.facts for line in page.context["timeline"]}
    people = ", ".join(users[role].name for role in ("agent", "manager"))
    assert told == {
        (users["customer"].name, "olayı bildirdi"): "önem derecesi: P1 sistem durdu, kaynak: kişi",
        ("sistem", "SLA ihlali kaydetti"): (
            "önem derecesi: P1 sistem durdu, SLA süresi: İlk yanıt, hedef: 1 sa, geçen süre: 1 sa 5 dk, "
            f"süre sonu: 2026-11-18 11:55, ilgililer: {people}"
        ),
        (users["agent"].name, "olayı atadı"): f"atanan: – → {users['agent'].name}",
        (users["agent"].name, "olayı çözdü"): ("durum: açık → çözüldü, kök neden kategorisi: yapılandırma"),
    }
    assert "1 sa gecikmeyle" not in text(page)
    assert "5 dk gecikmeyle karşılandı</b> (hedef 1 sa)" in text(page)


def test_list_and_forms_have_the_librarys_words_too(reader, report):
    report()
    page = text(reader.get(LIST))
    for words in (
        "Eylem seçin",
        "Tüm satırları seç",
        "Kaydı seç",
        "Filtre: SLA ihlali",
        "Olay bildir…",
        "1 sonuç",
    ):
        assert words in page, words
    for words in ("Select ", "Run", "Type to search", "Filters", "incidents", " By "):
        assert f">{words}" not in page, words
    assert "◆ P1 sistem durdu" in text(reader.get(f"{LIST}do/report/"))
    assert "Bu alan zorunlu." in text(reader.post(f"{LIST}do/report/", {}))
    assert "Aramak için yazın" in text(reader.get("/admin/hypercare/project/"))


def test_conflict_names_the_states_in_words(acme, reader, report, users, now):
    incident = report()
    with entering(acme):
        services.respond_first(incident=incident, by=Actor.member(users["agent"].pk, "agent"), now=now)
    page = text(reader.post(f"{LIST}{incident.pk}/do/respond/"))
    assert "Bu olaya ilk yanıt zaten verilmiş." in page
    assert "Şu anda geçilebilecek durumlar: bekliyor, çözüldü." in page


def test_periodic_tasks_are_turkish(operator):
    every = IntervalSchedule.objects.create(every=5, period="seconds")
    task = PeriodicTask.objects.create(name="sweep", task="tenancy.tasks.sweep", interval=every)
    url = "/admin/django_celery_beat/periodictask/"
    page = text(operator.get(url)) + text(operator.get(f"{url}{task.pk}/change/"))
    for words in (
        "Periyodik görevler",
        "her 5 saniye",
        "Toplam çalışma sayısı",
        "1 sonuç",
    ):
        assert words in page, words
    for words in ("Periodic", "every", "Scheduler", "Task Name", "Positional", "JSON encoded"):
        assert words not in page, page[page.index(words) - 200 : page.index(words) + 50]


def test_grant_and_journal_are_turkish(operator, grant):
    page = text(operator.get(f"/admin/tenancy/supportgrant/{grant().pk}/change/"))
    assert "İzni veren" in page
    assert "Izni" not in page
    assert "Sıra" in text(operator.get("/admin/tenancy/operatorevent/"))


def test_no_label_begins_with_a_letter_that_capitalising_spoils():
    """Python's upper case of "i" is "I"; Turkish wants "İ". Django capitalises the labels of fields and models."""
    ours = [apps.get_app_config(label) for label in ("hypercare", "tenancy", "journal", "observability")]
    with translation.override("tr"):
        labels = {
            str(label)
            for app in ours
            for model in app.get_models()
            for label in (model._meta.verbose_name, *(field.verbose_name for field in model._meta.fields))
        }
    assert "olay" in labels
    assert "önem derecesi" in labels
    # Fields without a label of their own have their name, which nobody translates.
    spoilt = {label for label in labels if label.startswith("i")} - {"id", "is primary", "is operations"}
    assert not spoilt


SAME = {"Exchange", "crontab"}
"""What Turkish operators say too."""


def test_texts_of_the_libraries_are_written_down_as_they_are_installed():
    assert library_texts.FILE.read_text() == library_texts.written(), "mend with: make messages"


def test_texts_of_the_libraries_have_turkish():
    texts = [text for part in library_texts.missing().values() for text in part]
    with translation.override("tr"):
        english = [
            text
            for text in texts
            if (translation.ngettext(*text, 2) if len(text) > 1 else translation.gettext(text[0])) == text[-1]
        ]
    assert english == [(same,) for same in sorted(SAME)]


@pytest.mark.parametrize("count", [1, 7])
def test_a_librarys_plural_is_turkish(count):
    found = next(text for text in library_texts.missing()["UNFOLD"] if "result in" in text[0])
    with translation.override("tr"):
        said = translation.ngettext(*found, count) % {"counter": count, "time": "0,2"}
    assert said.strip() == f"0,2 saniyede {count} sonuç bulundu"


def test_texts_are_found_in_templates_and_modules(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        """{% translate "Save" %}<i title="{% trans 'Go "back"' as title %}">{{ _("Filters") }}</i>
        {{ x|default:_("None") }}
        {% include "a.html" with title=_('Sign in') %}
        {% blocktranslate count counter=n trimmed %}
            {{ counter }} row of 100 %
        {% plural %}
            {{ counter }} rows of 100 %
        {% endblocktranslate %}"""
    )
    assert list(library_texts.texts_in(page)) == [
        ("Save",),
        ('Go "back"',),
        ("Filters",),
        ("None",),
        ("Sign in",),
        ("%(counter)s row of 100 %%", "%(counter)s rows of 100 %%"),
    ]
    module = tmp_path / "module.py"
    module.write_text(
        """
from django.utils.translation import gettext_lazy as _, ngettext
LABEL = _("One " "text")
SOLAR_SCHEDULES = _("left out")
def say(n, name):
    return ngettext("%d row", "%d rows", n), _(name)
"""
    )
    assert list(library_texts.texts_in(module)) == [("One text",), ("%d row", "%d rows")]


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(library_texts, "PACKAGES", {"NONE": ("nowhere_to_be_found",)})
    with pytest.raises(LookupError, match="nowhere_to_be_found is not installed"):
        library_texts.written()


def test_what_we_say_otherwise_than_django_is_said_by_django():
    """A text that Django no longer has would be translated for nobody."""
    for text in django_texts.DJANGO:
        assert any(django.gettext(text) != text for django in library_texts.django_says()), text
