"""What people do in the war room, in a real browser before the real server: what they see, and what is written."""

from typing import Any

import pytest
from django.utils import timezone, translation
from playwright.sync_api import Locator, Page, expect

from hypercare import services
from hypercare.models import ChangeRequest, Comment, Incident
from tenancy.context import entering
from tenancy.deliveries import Audience, Form, Mail, Outgoing, renderer_of
from tenancy.models import Delivery, User
from tests.browser.room import Room

pytestmark = pytest.mark.slow
CAUSE = {"root_cause": "The period was closed", "resolution_notes": "We opened it"}


def mails_about(room: Room, incident: Incident) -> list[Mail]:
    """The mails that wait to be sent about it, as they will be written."""
    found = []
    with entering(room.tenant):
        for row in Delivery.objects.filter(subject=f"incident:{incident.pk}", channel="email").order_by("id"):
            user = User.objects.get(pk=row.recipient.removeprefix("user:"))
            audience = Audience(user.language, user.time_zone, user=user)
            outgoing = Outgoing(
                room.tenant, row.message, row.subject, row.event, audience, room.at, timezone.now()
            )
            with translation.override(user.language), timezone.override(user.time_zone):
                (mail,) = renderer_of(row.message, Form.MAIL)([outgoing])
            assert isinstance(mail, Mail)
            found.append(mail)
    return found


def said(page: Page, text: str) -> None:
    """A message of the page that something was done."""
    expect(page.locator(".toasts").get_by_text(text, exact=True)).to_be_visible()


def row_of(page: Page, incident: Incident) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_text(incident.key, exact=True))


def refuses(form: Locator, button: str, text: str) -> None:
    """Sent as it is, the form says what is missing, and the focus is where to mend it."""
    form.get_by_role("button", name=button, exact=True).click()
    expect(form.get_by_text(text, exact=True).first).to_be_visible()
    expect(form.locator("[aria-invalid]").first).to_be_focused()


# ---- reporting ------------------------------------------------------------------------------------------------


def test_a_customer_reports(room: Room) -> None:
    project = room.project()
    window = room.look("customer", f"/p/{project.code}")
    page = window.page
    expect(page.get_by_role("heading", level=1)).to_have_text("All on track")
    page.get_by_role("link", name="Report a problem").click()
    form = page.get_by_role("form", name="Report an incident")
    refuses(form, "Send to support", "Please fill this in.")
    form.get_by_label("What is wrong").fill("Nobody can post goods receipts")
    form.get_by_label("What happened").fill("Since eight, in all plants")
    form.get_by_role("radio", name="Nothing works").check()
    form.get_by_role("button", name="Send to support").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nobody can post goods receipts")
    with entering(room.tenant):
        incident = Incident.objects.get(project=project)
        assert page.url.endswith(f"/p/{project.code}/incidents/{incident.number}")
        said(page, f"{incident.key} is reported. Its clocks run.")
        assert (incident.severity, incident.source) == ("P1", "person")
        assert incident.reported_by_id == room.people["customer"].pk
        assert incident.description == "Since eight, in all plants"
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Serious problem: we are on it")
    expect(page.get_by_role("link", name="Nobody can post goods receipts")).to_be_visible()
    assert window.complaints() == []


def test_an_agent_reports_and_a_form_left_is_still_filled_in(room: Room) -> None:
    project = room.project()
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    expect(page.get_by_text("Nothing is open.")).to_be_visible()
    page.get_by_role("link", name="New incident").click()
    page.get_by_label("What is wrong").fill("Invoices do not post")
    page.go_back()
    page.get_by_role("heading", name="Needs you first").wait_for()
    page.go_forward()
    expect(page.get_by_label("What is wrong")).to_have_value("Invoices do not post")
    form = page.get_by_role("form", name="Report an incident")
    form.get_by_role("radio", name="Important work is stuck").check()
    form.get_by_label("Users affected").fill("many")
    refuses(form, "Report as P2", "A whole number, please.")
    form.get_by_label("Users affected").fill("40")
    form.get_by_label("Module").fill("FI")
    form.get_by_role("button", name="Report as P2").click()
    page.get_by_role("heading", name="Invoices do not post").wait_for()
    with entering(room.tenant):
        incident = Incident.objects.get(project=project)
        said(page, f"{incident.key} is reported. Its clocks run.")
        assert (incident.title, incident.severity) == ("Invoices do not post", "P2")
        assert (incident.affected_users_count, incident.affected_module) == (40, "FI")
    page.get_by_role("link", name="War room", exact=True).click()
    expect(row_of(page, incident)).to_contain_text("Invoices do not post")
    expect(page.locator(".tile.p2")).to_contain_text("1 open")
    page.get_by_role("link", name="New incident").click()
    expect(page.get_by_label("What is wrong")).to_have_value("")
    assert window.complaints() == []


# ---- talking --------------------------------------------------------------------------------------------------


def test_the_customer_is_answered_with_the_mail_that_was_shown(room: Room) -> None:
    project = room.project()
    incident = room.report(project, severity="P2")
    path = f"/p/{project.code}/incidents/{incident.number}"
    theirs = room.look("customer", path)
    window = room.look("agent", path)
    page = window.page
    expect(page.get_by_role("tab", name="Internal note")).to_have_attribute("aria-selected", "true")
    note = page.get_by_label("Internal note, only your team reads it")
    page.get_by_role("button", name="Add internal note").click()
    expect(page.get_by_text("Write something first.")).to_be_visible()
    note.fill("Their consultant did it again")
    page.get_by_role("button", name="Add internal note").click()
    said(page, "Note added. Only your team reads it.")
    expect(page.locator(".note-internal")).to_contain_text("Their consultant did it again")
    expect(note).to_have_value("")

    page.get_by_role("tab", name="Reply to the customer").click()
    page.get_by_role("tabpanel").get_by_role("textbox").fill("Please try again.\nWe opened the period.")
    page.get_by_role("button", name="Preview…").click()
    expect(page.get_by_role("heading", name="This is what the customer gets")).to_be_visible()
    with entering(room.tenant):
        assert not Comment.objects.filter(incident=incident, is_internal=False).exists(), "shown, not sent"
    shown = page.locator(".mail")
    subject, text = shown.locator("dd b").inner_text(), shown.locator("pre").inner_text()
    page.get_by_role("button", name="Send to Ayla Demir").click()
    said(page, "Sent to Ayla Demir.")
    expect(page.locator(".note-public")).to_contain_text("We opened the period.")
    expect(page.locator(".note-public")).to_contain_text("first response")
    mails = mails_about(room, incident)
    mail = mails[-1]
    assert (mail.subject, mail.text.strip()) == (subject, text)
    assert "We opened the period." in text
    with entering(room.tenant):
        comments = Comment.objects.filter(incident=incident).order_by("pk")
        assert list(comments.values_list("content", "is_internal")) == [
            ("Their consultant did it again", True),
            ("Please try again.\nWe opened the period.", False),
        ]
    assert room.now(incident).first_response_at

    expect(theirs.page.get_by_text("We opened the period.")).to_be_visible()
    theirs.go(path)
    expect(theirs.page.get_by_text("We opened the period.")).to_be_visible()
    for text in ("Their consultant", "nternal", "L1"):
        assert text not in theirs.page.locator("body").inner_text(), text
    assert window.complaints() + theirs.complaints() == []


# ---- working --------------------------------------------------------------------------------------------------


def test_one_takes_an_incident_by_key_and_not_somebody_elses_by_accident(room: Room) -> None:
    project = room.project()
    first, second = (room.report(project, severity=each, title=f"Stuck {each}") for each in ("P1", "P3"))
    room.do(services.assign, incident=second, assigned_to_id=room.people["second"].pk)
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    row_of(page, first).wait_for()
    window.ready()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(row_of(page, first)).to_contain_text("Erik Berg")
    said(page, f"{first.key} is yours.")
    assert room.now(first).assigned_to_id == room.people["agent"].pk

    page.keyboard.press("j")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name=f"Take over {second.key}?")
    expect(dialog).to_contain_text("Ida Lund has it now.")
    dialog.get_by_role("button", name="Leave it").click()
    expect(page.get_by_role("link", name="Stuck P3")).to_be_focused()
    assert room.now(second).assigned_to_id == room.people["second"].pk
    page.keyboard.press("a")
    dialog.get_by_role("button", name="Take it over").click()
    expect(row_of(page, second)).to_contain_text("Erik Berg")
    assert room.now(second).assigned_to_id == room.people["agent"].pk
    assert window.complaints() == []


def test_who_takes_what_another_has_taken_meanwhile_is_asked(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    take = row_of(page, incident).get_by_role("button", name="Take it")
    take.wait_for()
    # The page does not hear of it before this one asks too.
    page.route("**/war-room", lambda route: route.abort())
    room.do(services.assign, incident=incident, assigned_to_id=room.people["second"].pk)
    take.click()
    dialog = page.get_by_role("dialog", name=f"Take over {incident.key}?")
    expect(dialog).to_contain_text("Ida Lund has it now.")
    assert room.now(incident).assigned_to_id == room.people["second"].pk
    page.unroute("**/war-room")
    dialog.get_by_role("button", name="Take it over").click()
    expect(row_of(page, incident)).to_contain_text("Erik Berg")
    assert room.now(incident).assigned_to_id == room.people["agent"].pk
    assert window.complaints("412", "ERR_FAILED") == []


def test_it_waits_for_the_customer_who_answers_and_can_be_resumed(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("agent", f"/p/{project.code}/incidents/{incident.number}")
    page = window.page
    page.get_by_role("button", name="Wait…").click()
    dialog = page.get_by_role("dialog", name="Wait for an answer")
    expect(dialog.get_by_label("Who has to answer")).to_have_value(str(room.people["customer"].pk))
    refuses(dialog, "Wait and pause the clock", "Please fill this in.")
    dialog.get_by_label("What you need to know").fill("Which plant is it?")
    dialog.get_by_role("button", name="Wait and pause the clock").click()
    said(page, f"{incident.key} waits. Its resolution clock is paused.")
    expect(page.get_by_role("region", name="Resolution")).to_contain_text("paused")
    assert room.now(incident).state == "waiting"

    theirs = room.look("customer", f"/p/{project.code}")
    card = theirs.page.locator(".cv-question").filter(has_text="Which plant is it?")
    card.get_by_role("button", name="Answer").click()
    expect(card.get_by_label("Your answer")).to_be_focused()
    refuses(card, "Send answer", "Please write your answer first.")
    card.get_by_label("Your answer").fill("Plant 1200")
    card.get_by_role("button", name="Send answer").click()
    said(theirs.page, f"Sent. We go on with {incident.key}.")
    expect(card).to_have_count(0)
    expect(page.locator(".note-from-customer")).to_contain_text("Plant 1200")
    expect(page.get_by_role("button", name="Wait…")).to_be_visible()
    assert room.now(incident).state == "open"

    customer = room.people["customer"].pk
    room.do(services.wait, incident=room.now(incident), reason="And which company?", owner_id=customer)
    page.get_by_role("button", name="Resume").click()
    said(page, f"{incident.key} goes on. Its resolution clock runs again.")
    assert room.now(incident).state == "open"
    assert window.complaints() + theirs.complaints() == []


def test_it_is_resolved_and_the_customer_closes_and_reopens_it(room: Room) -> None:
    project = room.project()
    incident = room.report(project, title="Labels do not print")
    theirs = room.look("customer", f"/p/{project.code}")
    window = room.look("agent", f"/p/{project.code}/incidents/{incident.number}")
    page = window.page
    page.get_by_role("button", name="Resolve…").click()
    dialog = page.get_by_role("dialog", name=f"Resolve {incident.key}")
    dialog.get_by_label("Root cause").fill("The driver was old")
    refuses(dialog, "Resolve", "Please fill this in.")
    assert room.now(incident).state == "open"
    dialog.get_by_label("What was done").fill("We installed the new one")
    dialog.get_by_role("button", name="Resolve", exact=True).click()
    said(page, f"{incident.key} is resolved.")
    expect(page.get_by_role("region", name="Resolution")).to_contain_text("resolved by Erik Berg")
    assert room.now(incident).state == "resolved"

    solved = theirs.page.locator(".cv-solved").filter(has_text="Labels do not print")
    expect(solved).to_contain_text("We installed the new one")
    solved.get_by_role("button", name="Yes, close it").click()
    said(theirs.page, f"{incident.key} is closed. Thank you.")
    closed = room.now(incident)
    assert (closed.state, closed.closed_by_id) == ("closed", room.people["customer"].pk)
    solved.get_by_role("button", name="Reopen…").click()
    dialog = theirs.page.get_by_role("dialog", name=f"Reopen {incident.key}")
    refuses(dialog, "Reopen", "This is needed.")
    assert room.now(incident).state == "closed"
    dialog.get_by_label("What is still wrong?").fill("Only in plant 1200")
    dialog.get_by_role("button", name="Reopen", exact=True).click()
    said(theirs.page, f"{incident.key} is open again. We look at it.")
    expect(theirs.page.get_by_role("link", name="Labels do not print")).to_be_visible()
    expect(page.locator(".thread")).to_contain_text("Only in plant 1200")
    now = room.now(incident)
    assert (now.state, now.reopened_count) == ("in_progress", 1)
    assert window.complaints() + theirs.complaints() == []


def test_it_is_escalated_and_the_customer_does_not_read_why(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    path = f"/p/{project.code}/incidents/{incident.number}"
    window = room.look("agent", path)
    page = window.page
    page.get_by_role("button", name="Escalate…").click()
    dialog = page.get_by_role("dialog", name=f"Escalate {incident.key}")
    expect(dialog).to_contain_text("Told by e-mail: Ida Lund.")
    refuses(dialog, "Escalate to L2", "Please fill this in.")
    dialog.get_by_label("Why").fill("Needs a developer")
    dialog.get_by_role("button", name="Escalate to L2").click()
    said(page, f"{incident.key} is with L2.")
    expect(page.locator(".thread")).to_contain_text("Needs a developer")
    assert room.now(incident).support_level == "L2"
    assert any("Needs a developer" in mail.text for mail in mails_about(room, incident))
    theirs = room.look("customer", path)
    expect(theirs.page.get_by_role("heading", name="What happened", exact=True)).to_be_visible()
    assert "Needs a developer" not in theirs.page.locator("body").inner_text()
    assert theirs.page.get_by_role("button", name="Escalate…").count() == 0
    assert window.complaints() + theirs.complaints() == []


# ---- deciding -------------------------------------------------------------------------------------------------


def test_the_board_approves_and_rejects_and_nobody_their_own(room: Room) -> None:
    project = room.project()
    good = room.draft(project, title="Open the posting period")
    bad = room.draft(project, title="Delete the old orders")
    own = room.draft(project, by="agent", title="New output type")
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    panel = page.get_by_role("region", name="Changes waiting for you")
    expect(panel.get_by_role("article")).to_have_count(3)
    expect(panel.get_by_role("button", name=f"Approve {own.key}")).to_have_count(0)
    panel.get_by_role("button", name=f"Approve {good.key}").click()
    said(page, f"You approved {good.key}.")
    expect(panel.get_by_role("article", name=good.title)).to_contain_text("approved")
    assert room.now(good).state == "approved"

    panel.get_by_role("button", name=f"Reject… {bad.key}").click()
    dialog = page.get_by_role("dialog", name=f"Reject {bad.key}")
    refuses(dialog, "Reject", "Say why: the requester needs to know what to change.")
    assert room.now(bad).state == "pending_approval"
    page.keyboard.press("Escape")
    expect(panel.get_by_role("button", name=f"Reject… {bad.key}")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Why not").fill("The orders are still needed")
    dialog.get_by_role("button", name="Reject", exact=True).click()
    said(page, f"You rejected {bad.key}.")
    expect(panel.get_by_role("article", name=bad.title)).to_have_count(0)
    now = room.now(bad)
    assert (now.state, now.rejection_reason) == ("rejected", "The orders are still needed")
    assert room.now(own).state == "pending_approval"
    theirs = room.look("second", f"/p/{project.code}/changes/{bad.number}")
    expect(theirs.page.get_by_text("The orders are still needed").first).to_be_visible()
    assert window.complaints() + theirs.complaints() == []


def test_a_vote_is_for_what_was_read(room: Room) -> None:
    project = room.project()
    change = room.draft(project)
    window = room.look("agent", f"/p/{project.code}")
    page = window.page
    approve = page.get_by_role("button", name=f"Approve {change.key}")
    approve.wait_for()
    # The page does not hear of the edit before it votes.
    page.route("**/war-room", lambda route: route.abort())
    room.do(services.edit_change, change=change, title="Open two posting periods")
    approve.click()
    dialog = page.get_by_role("dialog", name=f"{change.key} has changed")
    expect(dialog.get_by_role("row", name="Title")).to_contain_text("Open two posting periods")
    assert room.now(change).state == "pending_approval"
    page.unroute("**/war-room")
    dialog.get_by_role("button", name="Approve it as it is now").click()
    said(page, f"You approved {change.key}.")
    assert room.now(change).state == "approved"
    assert window.complaints("412", "ERR_FAILED") == []


def test_a_change_is_asked_for_from_an_incident(room: Room) -> None:
    project = room.project()
    incident = room.report(project, title="Posting period is closed", severity="P2", affected_module="FI")
    window = room.look("second", f"/p/{project.code}/incidents/{incident.number}")
    page = window.page
    page.get_by_role("link", name="Draft a change request…").click()
    expect(page.get_by_label("Title")).to_have_value("Posting period is closed")
    page.get_by_role("button", name="Save and submit").click()
    expect(page.locator("[aria-invalid]").first).to_be_focused()
    page.get_by_label("Type").select_option("config")
    page.get_by_label("How do you go back if it goes wrong?").fill("Close it again")
    page.get_by_role("button", name="Save and submit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Posting period is closed")
    with entering(room.tenant):
        change = ChangeRequest.objects.get(project=project)
        assert (change.state, change.severity) == ("pending_approval", "P2")
        assert Incident.objects.get(pk=incident.pk).change_request_id == change.pk
    assert page.get_by_role("button", name="Approve").count() == 0
    assert window.complaints() == []


# ---- two at once ----------------------------------------------------------------------------------------------


def test_what_one_does_another_sees_at_once(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    one, other = (room.look(name, f"/p/{project.code}") for name in ("agent", "second"))
    theirs = room.look("customer", f"/p/{project.code}/incidents/{incident.number}")
    row_of(other.page, incident).get_by_role("button", name="Take it").wait_for()
    row_of(one.page, incident).get_by_role("button", name="Take it").click()
    expect(row_of(other.page, incident)).to_contain_text("Erik Berg")
    room.do(services.change_incident, by="agent", incident=room.now(incident), severity="P1")
    for page in (one.page, other.page):
        expect(row_of(page, incident)).to_contain_text("P1")
    expect(theirs.page.locator(".head")).to_contain_text("P1")
    assert one.complaints() + other.complaints() + theirs.complaints() == []


def test_who_is_slower_keeps_what_was_typed_and_sees_what_the_other_did(room: Room) -> None:
    project = room.project()
    incident = room.report(project, title="Nothing prints")
    window = room.look("second", f"/p/{project.code}/incidents/{incident.number}")
    page = window.page
    page.get_by_role("button", name="Edit").click()
    form = page.get_by_role("region", name=f"Edit {incident.key}")
    expect(form.get_by_label("Title")).to_be_focused()
    form.get_by_label("Title").fill("Nothing prints in plant 1200")
    # The other's edit is not heard of before this one is sent.
    sent = []

    def read_once_sent(route: Any) -> None:
        if route.request.method != "GET":
            sent.append(route)
        if sent:
            route.continue_()
        else:
            route.abort()

    page.route(f"**/incidents/{incident.pk}", read_once_sent)
    other = {"title": "No labels are printed", "severity": "P2"}
    room.do(services.change_incident, by="agent", incident=incident, **other)
    form.get_by_role("button", name="Save changes").click()
    conflict = page.get_by_role("alert").filter(has_text="Somebody was faster")
    expect(conflict).to_contain_text("Erik Berg")
    expect(conflict.get_by_role("row").filter(has_text="No labels are printed")).to_contain_text(
        "Nothing prints in plant 1200"
    )
    expect(form.get_by_label("Title")).to_have_value("Nothing prints in plant 1200")
    assert room.now(incident).title == "No labels are printed"
    conflict.get_by_role("button", name="Go on with mine").click()
    form.get_by_role("button", name="Save changes").click()
    said(page, "Saved.")
    now = room.now(incident)
    assert (now.title, now.severity) == ("Nothing prints in plant 1200", "P2"), "theirs stays where it can"
    assert window.complaints("412", "ERR_FAILED") == []


def test_a_step_that_is_not_possible_any_more_says_so_and_keeps_the_text(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("second", f"/p/{project.code}/incidents/{incident.number}")
    page = window.page
    page.get_by_role("button", name="Resolve…").click()
    dialog = page.get_by_role("dialog", name=f"Resolve {incident.key}")
    dialog.get_by_label("Root cause").fill("A long thought")
    room.do(services.resolve, by="agent", incident=incident, **CAUSE)
    expect(dialog.get_by_role("alert")).to_contain_text("Erik Berg resolved it")
    expect(dialog).to_contain_text("This isn't possible any more.")
    expect(dialog.get_by_label("Root cause")).to_have_value("A long thought")
    assert dialog.get_by_role("button", name="Go on with mine").count() == 0
    dialog.get_by_role("button", name="Discard mine").click()
    expect(page.locator(".box-resolved")).to_contain_text("The period was closed")
    assert room.now(incident).root_cause == "The period was closed"
    assert window.complaints() == []


# ---- without a mouse ------------------------------------------------------------------------------------------


def test_one_is_reported_and_found_without_a_mouse(room: Room) -> None:
    project = room.project()
    window = room.look("agent", f"/p/{project.code}")
    page, keys = window.page, window.page.keyboard
    page.get_by_role("heading", name="Needs you first").wait_for()
    window.ready()
    keys.press("n")
    expect(page.get_by_label("What is wrong")).to_be_focused()
    keys.type("Payments run is stuck")
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments run is stuck")
    with entering(room.tenant):
        incident = Incident.objects.get(project=project)
    later = room.report(project, title="Later", severity="P4")

    page.get_by_role("link", name="War room", exact=True).focus()
    keys.press("Enter")
    row_of(page, incident).wait_for()
    expect(page.get_by_role("link", name="Later")).to_be_visible()
    window.ready()
    keys.press("j")
    expect(page.get_by_role("link", name="Payments run is stuck")).to_be_focused()
    keys.press("j")
    expect(page.get_by_role("link", name="Later")).to_be_focused()
    keys.press("k")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments run is stuck")

    keys.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()
    keys.type("later")
    expect(page.get_by_role("listbox")).to_have_attribute("aria-busy", "false")  # all of the word is answered
    expect(page.get_by_role("option", name=later.key)).to_be_visible()
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Later")
    assert window.complaints() == []


def test_an_incident_is_worked_on_without_a_mouse(room: Room) -> None:
    project = room.project()
    incident = room.report(project)
    window = room.look("agent", f"/p/{project.code}/incidents/{incident.number}")
    page, keys = window.page, window.page.keyboard
    page.get_by_role("button", name="Take it").wait_for()
    window.ready()
    keys.press("t")
    said(page, f"{incident.key} is yours.")
    assert room.now(incident).assigned_to_id == room.people["agent"].pk
    keys.press("m")
    expect(page.get_by_label("Internal note, only your team reads it")).to_be_focused()
    keys.type("t a s: letters are only typed here")
    keys.press("Control+Enter")
    said(page, "Note added. Only your team reads it.")
    with entering(room.tenant):
        assert Comment.objects.get(incident=incident).content == "t a s: letters are only typed here"

    button = page.get_by_role("button", name="Resolve…")
    button.focus()
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Resolve {incident.key}")
    expect(dialog.get_by_label("Root cause")).to_be_focused()
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    keys.press("s")
    expect(dialog.get_by_label("Root cause")).to_be_focused()
    keys.type("A lock was left")
    keys.press("Tab")
    keys.type("We removed it")
    keys.press("Control+Enter")
    said(page, f"{incident.key} is resolved.")
    expect(dialog).to_have_count(0)
    page.wait_for_function(
        "document.activeElement !== document.body"
    )  # the focus is somewhere after the dialog
    assert room.now(incident).state == "resolved"

    keys.press("?")
    listed = page.get_by_role("dialog", name="Keys")
    expect(listed).to_contain_text("Reopen…")
    keys.press("Escape")
    assert window.complaints() == []
