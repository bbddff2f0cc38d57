"""The war room left open: what comes in by itself, what holds when the network does not, who is let in, and whether
everybody can use it."""

import gzip
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.utils import timezone
from playwright.sync_api import Page, Response, expect

from hypercare import services
from hypercare.models import Incident
from tenancy import services as tenancy
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Session, User
from tests import factories
from tests.browser.room import AFTER_PAINT, DESK, PHONE, SYSTEM, Room, Window, give_password

pytestmark = pytest.mark.slow
CAUSE = {"root_cause": "The period was closed", "resolution_notes": "We opened it"}
MOST_SCRIPT = 60_000  # bytes, compressed, before the war room is there
MOST_SHIFT = 0.01
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def row_of(page: Page, incident: Incident) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_text(incident.key, exact=True))


def streams(*windows: Window) -> int:
    """How many streams they have asked for."""
    return sum(url.split("?")[0].endswith("/api/v1/events") for each in windows for url in each.asked)


# ---- what the server tells the page to go by ------------------------------------------------------------------


def test_the_page_goes_by_the_servers_thresholds(room: Room) -> None:
    project = room.project()
    for number in range(3):
        room.report(project, title=f"Label {number} does not print")
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    page.get_by_role("heading", name="Needs you first").wait_for()
    window.ready()
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("label")
    expect(page.get_by_role("listbox")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("option")).to_have_text(
        [re.compile("Label"), re.compile("Label"), re.compile("All")]
    )
    assert any("search=label&page_size=2" in url for url in window.asked)
    assert window.complaints() == [], "a data block is nothing that a policy blocks"


def test_a_page_that_is_not_told_them_says_so(room: Room) -> None:
    window = room.window(room.context())
    window.page.add_init_script(
        """new MutationObserver(() => document.getElementById("thresholds")?.remove())
            .observe(document, {childList: true, subtree: true});"""
    )
    window.go("/sign-in")
    expect(window.page.get_by_text("This page cannot start")).to_be_visible()
    (complaint,) = window.complaints()
    assert complaint.startswith(
        "page error: The page's document does not say its thresholds: page.TOAST_SECONDS"
    )


# ---- what happens by itself -----------------------------------------------------------------------------------


def test_a_target_is_missed_before_ones_eyes_and_said_once(room: Room) -> None:
    project = room.project()
    incident = room.report(project, title="Fine", severity="P3")
    other = room.report(room.project(), severity="P2")
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    expect(page.locator(".standing")).to_contain_text("Green")
    page.evaluate(
        """() => {
            const status = document.querySelector(".war-room > [role=status]");
            window.announced = [];
            new MutationObserver(() => status.textContent && window.announced.push(status.textContent))
                .observe(status, {childList: true, characterData: true, subtree: true});
        }"""
    )
    target = other.sla_response_deadline - other.created_at
    begin = timezone.now() - target + timedelta(seconds=6)  # to see it before
    nearly = room.report(project, title="Nearly", severity="P2", now=begin)
    row = row_of(page, nearly)
    expect(row).to_be_visible()
    expect(row).not_to_have_class(re.compile("breach"))
    expect(row).to_have_class(re.compile("breach"))
    expect(row.locator(".c-response")).to_contain_text("late")
    said = f"{nearly.key}: the target of the first response is missed."
    expect(page.get_by_text(said)).to_have_count(1)
    expect(page.locator(".standing")).to_contain_text("Red")
    expect(page.locator(".standing")).to_contain_text("1 breach")
    expect(page.locator(".tile.p2")).to_contain_text("1 breached")
    expect(page.locator("tbody").get_by_role("row").first).to_contain_text("Nearly")

    assert not room.now(nearly).sla_response_breached
    room.do(services.check_breaches, by="agent", project=project)
    assert room.now(nearly).sla_response_breached
    expect(page.locator(".feed").get_by_text("missed a target")).to_be_visible()
    assert page.evaluate("window.announced") == [said]
    assert not room.now(incident).sla_response_breached
    assert window.complaints() == []


# ---- when the network is gone ---------------------------------------------------------------------------------


def is_stale(page: Page) -> None:
    """The page says that what it shows is old, and no countdown looks alive."""
    expect(page.locator(".banner")).to_contain_text("Live updates stopped")
    expect(page.locator(".live")).to_contain_text("Stopped")
    expect(page.locator(".clock-ok").first).to_be_visible()
    expect(page.locator(".clock-ok:not(.clock-stale)")).to_have_count(0)


def is_live(page: Page) -> None:
    expect(page.locator(".banner")).to_be_empty()
    expect(page.locator(".live")).to_contain_text("Live")
    expect(page.locator(".clock-stale")).to_have_count(0)


def test_a_network_that_is_gone_is_said_and_a_deed_is_not_lost_in_it(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    take = row_of(page, incident).get_by_role("button", name="Take it")
    take.wait_for()
    expect(page.locator(".banner")).to_be_empty()
    page.context.set_offline(True)
    take.click()
    expect(page.locator(".toasts")).to_contain_text("Check your connection.")
    expect(page.locator(".banner")).to_contain_text("What you see is as of")
    assert room.now(incident).assigned_to_id is None
    page.context.set_offline(False)
    is_live(page)
    take.click()
    expect(row_of(page, incident)).to_contain_text("Erik Berg")
    assert room.now(incident).assigned_to_id == room.people["agent"].pk
    assert window.complaints("ERR_INTERNET_DISCONNECTED") == []


def test_a_server_that_is_gone_is_said_and_what_was_missed_is_caught_up(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    row_of(page, incident).wait_for()
    window.hear()
    with room.stopped():
        is_stale(page)
        room.do(services.assign, incident=incident, assigned_to_id=room.people["second"].pk)
        missed = room.report(project, title="Missed meanwhile")
        expect(row_of(page, missed)).to_have_count(0)
    page.get_by_role("button", name="Try now").click()
    expect(row_of(page, missed)).to_be_visible()
    expect(row_of(page, incident)).to_contain_text("Ida Lund")
    is_live(page)
    assert window.complaints("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING") == []


def test_a_server_that_hangs_is_said_and_nothing_typed_is_lost(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("agent", f"/p/{project.code}/incidents/{incident.number}")
    page = window.page
    note = page.get_by_label("Internal note, only your team reads it")
    note.fill("Half a thou")
    window.hear()
    group = os.getpgid(room.product.process.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        is_stale(page)
        room.do(services.change_incident, incident=incident, title="Another name")
    finally:
        os.killpg(group, signal.SIGCONT)
    expect(page.get_by_role("heading", level=1)).to_have_text("Another name")
    is_live(page)
    expect(note).to_have_value("Half a thou")
    assert window.complaints() == []


def test_the_tabs_of_a_browser_share_one_stream(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    context = room.context("agent")
    first, second = room.window(context), room.window(context)
    for window in (first, second):
        window.go(f"/p/{project.code}")
        row_of(window.page, incident).wait_for()
        expect(window.page.locator(".live")).to_contain_text("Live")
    room.do(services.assign, incident=incident, assigned_to_id=room.people["second"].pk)
    for window in (first, second):
        expect(row_of(window.page, incident)).to_contain_text("Ida Lund")
    assert (streams(first), streams(second)) == (1, 0)
    first.page.close()
    room.report(project, title="After the first tab")
    expect(second.page.get_by_role("link", name="After the first tab")).to_be_visible()
    room.report(project, title="By its own stream")
    expect(second.page.get_by_role("link", name="By its own stream")).to_be_visible()
    assert streams(second) == 1
    assert first.complaints() + second.complaints() == []


# ---- who is let in --------------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_and_so_is_a_lock(room: Room) -> None:
    user = factories.member(room.tenant, "agent", name="Lars Lock")
    room.people["locked"] = user
    window = room.window(room.context())
    page = window.go("/p/WAVE-1?show=mine")
    page.wait_for_url("**/sign-in?next=**")
    expect(page.get_by_label("Email")).to_be_focused()
    for _ in range(4):
        with page.expect_response("**/auth/login"):
            give_password(page, user.email, "wrong")
        expect(page.get_by_role("alert")).to_have_text("Email or password is wrong.")
        expect(page.get_by_label("Password", exact=True)).to_be_focused()
    give_password(page, user.email, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Too many wrong tries. Wait 15 minutes, then try again.")
    give_password(page, user.email)
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong tries.")
    assert "/sign-in" in page.url
    assert not Session.objects.filter(user=user).exists()
    tenancy.unlock(email=user.email, by=SYSTEM, now=timezone.now())
    give_password(page, user.email)
    page.wait_for_url("**/p/WAVE-1?show=mine")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert Session.objects.filter(user=user).exists()
    assert window.complaints("400", "401", "429") == []


def test_one_of_us_comes_in_under_a_grant_and_with_a_code(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    staff = factories.UserFactory(staff_role="support", name="Sam Staff")
    room.people["staff"] = staff
    secret = factories.second_factor(staff)
    window = room.window(room.context())
    page = window.go(f"/p/{project.code}")
    give_password(page, staff.email)
    expect(page.get_by_role("alert")).to_have_text("Email or password is wrong.")  # without a grant
    factories.GrantFactory(user=staff, tenant=room.tenant)
    give_password(page, staff.email)
    code = page.get_by_label("Code")
    expect(code).to_be_focused()
    code.fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_have_text("This code is not right. Take the newest one.")
    code.fill(tenancy.current_code(secret, now=timezone.now()))
    page.get_by_role("button", name="Confirm").click()
    expect(row_of(page, incident)).to_be_visible()
    expect(page.get_by_role("button", name="Take it")).to_have_count(0)
    page.get_by_role("link", name=incident.title).click()
    expect(page.get_by_text("You are here to read.")).to_be_visible()
    page.get_by_role("button", name="Account of Sam Staff").click()
    expect(page.get_by_text("Support access until")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert not Session.objects.filter(user=staff).exists()
    assert window.complaints("401", "403", "400") == []


def test_a_session_that_ends_while_one_types_asks_again_and_loses_nothing(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    user = room.people["second"]
    path = f"/p/{project.code}/incidents/{incident.number}"
    window = room.window(room.context())
    page = window.go(path)
    give_password(page, user.email)
    note = page.get_by_label("Internal note, only your team reads it")
    note.fill("A long thought")
    window.hear()  # what the stream's beginning loads anew is there: nobody asks but the note
    Session.objects.filter(user=user).delete()
    page.get_by_role("button", name="Add internal note").click()
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog.get_by_label("Password")).to_be_focused()
    expect(note).to_have_value("A long thought")
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_have_text("Email or password is wrong.")
    dialog.get_by_label("Password").fill(factories.PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".note-internal")).to_contain_text("A long thought")
    with entering(room.tenant):
        notes = Event.objects.filter(verb="incident.noted", subject=f"incident:{incident.pk}")
        assert notes.count() == 1, "sent once, after the sign-in"
    room.report(project, title="Heard again")
    page.get_by_role("link", name="War room", exact=True).click()
    expect(page.get_by_role("link", name="Heard again")).to_be_visible()
    room.states.pop("second", None)
    assert window.complaints("400", "401") == []


def test_a_page_that_is_only_looked_at_asks_too_when_its_session_has_ended(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    user = room.people["second"]
    window = room.window(room.context())
    page = window.go(f"/p/{project.code}")
    give_password(page, user.email)
    row_of(page, incident).wait_for()
    window.hear()
    Session.objects.filter(user=user).delete()
    room.states.pop("second", None)
    room.report(project, title="What came after")
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog.get_by_label("Password")).to_be_focused()
    expect(page.get_by_text("What came after")).to_have_count(0)
    dialog.get_by_label("Password").fill(factories.PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="What came after")).to_be_visible()
    assert window.complaints("401") == []


def test_what_is_not_there_or_not_for_one_says_so(room: Room) -> None:
    project, other = room.project(), room.project()
    incident = room.report(other)
    window = room.look("customer", f"/p/{project.code}/nowhere")
    page = window.page
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    page.get_by_role("link", name="To your projects").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your projects")
    page.get_by_role("link", name=other.name).click()
    expect(page.get_by_role("link", name=incident.title)).to_be_visible()
    for path in (
        "/p/NOWHERE",
        f"/p/{project.code}/incidents/{incident.number}",
        f"/p/{project.code}/changes/999",
    ):
        window.go(path)
        expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    theirs = room.look("outsider", f"/p/{other.code}")
    expect(theirs.page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert incident.title not in theirs.page.locator("body").inner_text()
    theirs.go("/")
    expect(theirs.page.get_by_text("You are in no project yet.")).to_be_visible()
    assert window.complaints() + theirs.complaints() == []


# ---- for everybody --------------------------------------------------------------------------------------------


def full(room: Room) -> dict[str, str]:
    """A project in which every view has something to show; the views by name."""
    project = room.project()
    now = timezone.now()
    late = room.report(project, title="Nobody can post", severity="P1", now=now - timedelta(hours=6))
    room.report(
        project, title="Prices are wrong", severity="P2", affected_module="SD", affected_users_count=12
    )
    waits = room.report(project, title="Label is cut", description="Pazartesiden beri")
    customer = room.people["customer"].pk
    room.do(services.wait, incident=waits, reason="Which printer?", owner_id=customer)
    room.do(services.add_comment, incident=late, content="We look at it")
    room.do(services.add_comment, incident=late, content="It was the import", is_internal=True)
    done = room.report(project, title="Typo", severity="P4")
    room.do(services.resolve, incident=done, **CAUSE)
    change = room.draft(project, title="Open the posting period", incident_id=late.pk)
    code = project.code
    return {
        "projects": "/",
        "war room": f"/p/{code}",
        "incidents": f"/p/{code}/incidents",
        "new incident": f"/p/{code}/incidents/new",
        "incident": f"/p/{code}/incidents/{late.number}",
        "incident that waits": f"/p/{code}/incidents/{waits.number}",
        "incident that is resolved": f"/p/{code}/incidents/{done.number}",
        "changes": f"/p/{code}/changes",
        "new change": f"/p/{code}/changes/new",
        "change": f"/p/{code}/changes/{change.number}",
        "nowhere": f"/p/{code}/nowhere",
    }


def settled(page: Page) -> None:
    """All that a view loads is there, and nothing moves any more."""
    page.locator("main h1").wait_for(state="attached")
    expect(page.locator("main .loading")).to_have_count(0)
    page.wait_for_load_state("load")
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished.catch(() => {})))")


def violations(page: Page, rules: list[str]) -> Any:
    """What axe finds wrong with the page as it is."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {"resultTypes": ["violations"], "runOnly": rules}
    return page.evaluate("async options => (await axe.run(options)).violations", options)


def findings(page: Page) -> list[str]:
    """What axe has to say about the page, on a desk and on a phone, in light and in dark."""
    found = []
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        page.evaluate(AFTER_PAINT)
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wider > 0:
            found.append(f"{wider} px wider than the window of {size['width']} px")
        # As high as the page: what is under the bar of a phone's window can be scrolled from there.
        height = max(size["height"], page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({**size, "height": height})
        for theme, rules in (("light", RULES), ("dark", ["color-contrast"])):  # only colours are others
            page.emulate_media(color_scheme=theme)
            settled(page)
            for each in violations(page, rules):
                where = f"{size['width']} px, {theme}"
                found.append(
                    f"{where}: {each['id']}: {each['nodes'][0]['html'][:200]} ({len(each['nodes'])})"
                )
    page.set_viewport_size(DESK)
    return found


@pytest.mark.parametrize("name", ["agent", "customer"])
def test_axe_finds_nothing_on_any_page(room: Room, name: str) -> None:
    window = room.window(room.context(name, reduced_motion="reduce"))
    found: dict[str, list[str]] = {}
    for view, path in full(room).items():
        page = window.go(path)
        settled(page)
        found[view] = findings(page)
    assert {view: each for view, each in found.items() if each} == {}
    # A customer's incident may have a change request that they may not see.
    assert window.complaints(*["404"] * (name == "customer")) == []


def test_axe_finds_nothing_in_any_dialog(room: Room) -> None:
    views = full(room)
    window = room.window(room.context(reduced_motion="reduce"))
    page = window.go("/sign-in")
    settled(page)
    found = {"sign in": findings(page)}
    window = room.window(room.context("agent", reduced_motion="reduce"))
    page = window.go(views["incident"])
    for button in ("Assign…", "Wait…", "Escalate…", "Resolve…", "Edit", "Every minute of this clock"):
        page.get_by_role("button", name=button).first.click()
        if button == "Edit":
            page.get_by_role("region", name="Edit INC-").wait_for()
        else:
            page.get_by_role("dialog").wait_for()
        settled(page)
        found[button] = findings(page)
        if button == "Edit":
            page.get_by_role("button", name="Cancel").click()
        else:
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
    for key in "?/":
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        found[key] = findings(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Account of Erik Berg").click()
    found["menu"] = findings(page)
    assert {view: each for view, each in found.items() if each} == {}
    assert window.complaints("401") == []


SOURCE = Path(__file__).parents[2] / "frontend" / "src" / "i18n"
TEXT = re.compile(r'^\s*"([\w.]+)":\s*"((?:[^"\\]|\\.)*)",?$', re.MULTILINE)
SHOWN = """
() => {
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        if (!walker.currentNode.parentElement.closest("script, style, noscript, [lang]:not(html)"))
            found.add(walker.currentNode.textContent.trim());
    }
    for (const each of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
        for (const name of ["aria-label", "title", "placeholder", "alt"])
            if (each.hasAttribute(name)) found.add(each.getAttribute(name).trim());
    found.add(document.title);
    return [...found].filter(text => /\\p{L}{2}/u.test(text));
}
"""
ENGLISH_DATES = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*|.*\b(minutes?|hours?|days?|ago|yesterday|today)\b.*"


def texts(language: str) -> dict[str, str]:
    """What the app says in a language, by key."""
    files = (SOURCE / language).glob("*.ts")
    return dict(
        pair for file in sorted(files) for pair in TEXT.findall(re.sub(r":\n\s+", ": ", file.read_text()))
    )


def english() -> re.Pattern[str]:
    """What the app would say in English and not in Turkish."""
    turkish = texts("tr")
    said = {text for key, text in texts("en").items() if turkish[key] != text}
    assert len(said) > 500
    worded = sorted(text for text in said if re.search(r"[a-z]{2}", re.sub(r"{\w+}", "", text)))
    patterns = [re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in worded]
    return re.compile("|".join([*patterns, ENGLISH_DATES]), re.IGNORECASE)


@pytest.mark.parametrize("name", ["agent", "customer"])
def test_nothing_is_english_on_a_turkish_page(room: Room, name: str) -> None:
    wrong = english()
    window = room.window(room.context(name))
    page = window.page
    views = full(room)
    window.go(views["incident"])
    settled(page)
    assert len([text for text in page.evaluate(SHOWN) if wrong.fullmatch(text)]) > 20, "it knows English"
    found = {}
    with speaking(room, name, "tr"):
        for view, path in views.items():
            window.go(path)
            settled(page)
            expect(page.locator("html")).to_have_attribute("lang", "tr")
            found[view] = [
                text for text in page.evaluate(SHOWN) if wrong.fullmatch(text) and text != "English"
            ]
    assert {view: each for view, each in found.items() if each} == {}
    assert window.complaints(*["404"] * (name == "customer")) == []


@contextmanager
def speaking(room: Room, name: str, language: str) -> Iterator[None]:
    """Somebody speaks another language for a while."""
    users = User.objects.filter(pk=room.people[name].pk)
    users.update(language=language)
    try:
        yield
    finally:
        users.update(language="en")


def test_the_page_speaks_the_accounts_language_which_is_chosen_there(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    context = room.context("manager", locale="tr-TR")
    window = room.window(context)
    page = window.page
    with speaking(room, "manager", "tr"):
        window.go(f"/p/{project.code}")
        expect(page.get_by_role("heading", name="Önce bunlar")).to_be_visible()
        expect(page.locator(".feed")).to_contain_text(f"{incident.key} olayını bildirdi")
        page.get_by_role("button", name="Nora Haugen").click()
        with page.expect_response(lambda answer: answer.request.method == "PATCH"):
            page.get_by_role("radio", name="English").check(force=True)
        expect(page.get_by_role("heading", name="Needs you first")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator(".feed")).to_contain_text(f"reported {incident.key}")
        assert User.objects.get(pk=room.people["manager"].pk).language == "en"
        page.reload()
        expect(page.get_by_role("heading", name="Needs you first")).to_be_visible()
    stranger = room.window(room.context(locale="tr-TR"))
    stranger.go("/sign-in")
    expect(stranger.page.get_by_role("button", name="Oturum aç")).to_be_visible()
    assert window.complaints() + stranger.complaints("401") == []


WATCHED = """
window.shifts = [];
new PerformanceObserver(list => {
    for (const each of list.getEntries())
        window.shifts.push([each.value, each.sources.map(source => source.node?.outerHTML?.slice(0, 120))]);
}).observe({type: "layout-shift", buffered: true});
new MutationObserver((_changes, observer) => {
    if (!document.querySelector("#needs-you")) return;
    window.drawn = performance.now();
    observer.disconnect();
}).observe(document, {childList: true, subtree: true});
"""
BEFORE = """
() => performance.getEntriesByType("resource")
    .filter(each => each.name.endsWith(".js") && each.startTime < window.drawn).map(each => each.name)
"""


def test_it_comes_light_and_nothing_jumps(room: Room) -> None:
    views = full(room)
    window = room.window(room.context("agent"))
    page = window.page
    page.add_init_script(WATCHED)
    answers: dict[str, Response] = {}

    def keep(answer: Response) -> None:
        answers[answer.url] = answer

    page.on("response", keep)
    window.go(views["war room"])
    page.locator(".plot canvas").first.wait_for()
    bodies = {url.rsplit("/", 1)[1]: answers[url].body() for url in page.evaluate(BEFORE)}
    scripts = {name: len(gzip.compress(body)) for name, body in bodies.items()}
    assert any(name.startswith("war-room") for name in scripts)
    assert sum(scripts.values()) < MOST_SCRIPT, scripts
    shifts = page.evaluate("window.shifts")
    assert sum(value for value, _nodes in shifts) <= MOST_SHIFT, shifts
    assert window.complaints() == []
