"""Emailing the guests of an event in the admin: draft, review, preview, and the number that confirms it."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from imagine.mail.models import Mailing
from summit import seats
from summit.models import Event, StaffEmail
from summit.staff_emails import attachments
from tests import factories, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

EMAILS = "/imagine/admin/summit/staffemail/"
PDF = b"%PDF-1.7\n%a map of the parking lots"


@pytest.fixture
def event(db) -> Event:
    return factories.event()


def write(staff, event: Event, button: str = "_review", **fields):
    """Open the form from the event's page, fill it in and submit it."""
    form = web_client.form_fields(staff.get(f"{EMAILS}add/?event={event.pk}"))
    form = {name: value for name, value in form.items() if not name.startswith("_")}
    fields = {"subject": "Parking", "text": "Hi {first_name}, park in lot B.", button: "1"} | fields
    return staff.post(f"{EMAILS}add/", form | fields, follow=True)


def draft(event: Event, **fields) -> StaffEmail:
    fields = {"statuses": ["confirmed"], "subject": "Parking", "text": "Park in lot B, {first_name}."} | fields
    return StaffEmail.objects.create(event=event, **fields)


def review_url(email: StaffEmail) -> str:
    return f"{EMAILS}{email.pk}/review/"


def confirm(staff, email: StaffEmail, number: object):
    data = web_client.form_fields(staff.get(review_url(email))) | {"number": str(number)}
    return staff.post(review_url(email), data, follow=True)


def docx(*parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part in parts:
            archive.writestr(part, "<w/>")
    return file.getvalue()


# Draft -----------------------------------------------------------------------------------------------------------


def test_event_page_leads_to_the_form_with_its_event_and_the_number_of_guests(staff, event):
    factories.rsvp(event, size=2)
    page = staff.get(f"/imagine/admin/summit/event/{event.pk}/change/").content.decode()
    assert f'href="{EMAILS}add/?event={event.pk}"' in page
    form = staff.get(f"{EMAILS}add/?event={event.pk}")
    assert web_client.form_fields(form)["event"] == str(event.pk)
    assert "Confirmed (1)" in form.content.decode()


def test_draft_is_saved_changed_and_deleted(staff, event):
    write(staff, event, "_continue")
    email = StaffEmail.objects.get()
    assert email.statuses == ["confirmed"]
    assert email.written_by
    url = f"{EMAILS}{email.pk}/change/"
    form = web_client.form_fields(staff.get(url)) | {"text": "Park in lot C.", "statuses": ["waitlisted", "invited"]}
    page = staff.post(url, form | {"_review": "1"}, follow=True)
    assert page.redirect_chain[-1][0] == review_url(email)
    email.refresh_from_db()
    assert (email.text, email.statuses) == ("Park in lot C.", ["waitlisted", "invited"])
    assert "Draft" in staff.get(EMAILS).content.decode()
    staff.post(f"{EMAILS}{email.pk}/delete/", {"post": "yes"})
    assert not StaffEmail.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("text", "Hi {frist_name}", "Did you mean {first_name}?"),
        ("text", "<b>Park</b> in lot B", "Use plain text without HTML."),
        ("subject", "Your {link}", "The subject can’t include the link."),
        ("subject", "", "This field is required."),
        ("text_es", "Hola {first_name}", "Enter both the Spanish subject and the Spanish text, or neither."),
        ("upload", SimpleUploadedFile("virus.exe", b"MZ"), "Choose a PDF"),
        ("upload", SimpleUploadedFile("map.pdf", PDF + b" " * attachments.MAX_BYTES), "larger than 5 MB"),
        ("upload", SimpleUploadedFile("map.docx", docx("word/document.xml", "word/vbaProject.bin")), "isn’t a valid"),
    ],
)
def test_what_no_email_can_have_is_refused_and_kept(staff, event, field, value, error):
    page = write(staff, event, **{"text": "Keep this, {name}.", field: value}).content.decode()
    assert error in page
    assert field == "text" or "Keep this, {name}." in page
    assert not StaffEmail.objects.exists()


def test_attachment_is_kept_replaced_and_removed(staff, event):
    write(staff, event, "_continue", upload=SimpleUploadedFile("Lot B.pdf", PDF))
    email = StaffEmail.objects.get()
    assert (email.attachment_name, bytes(email.attachment)) == ("Lot_B.pdf", PDF)
    url = f"{EMAILS}{email.pk}/change/"
    form = web_client.form_fields(staff.get(url))
    staff.post(url, form | {"_continue": "1"})
    email.refresh_from_db()
    assert bytes(email.attachment) == PDF
    staff.post(url, form | {"upload": SimpleUploadedFile("m.docx", docx("word/document.xml")), "_continue": "1"})
    email.refresh_from_db()
    assert email.attachment_name == "m.docx"
    staff.post(url, web_client.form_fields(staff.get(url)) | {"no_attachment": "on", "_continue": "1"})
    email.refresh_from_db()
    assert (email.attachment_name, bytes(email.attachment)) == ("", b"")


def test_two_people_editing_one_draft_see_each_others_changes(staff, event):
    email = draft(event)
    url = f"{EMAILS}{email.pk}/change/"
    form = web_client.form_fields(staff.get(url))
    StaffEmail.objects.update(text="Park in lot D.")
    page = staff.post(url, form | {"text": "Park in lot E.", "_continue": "1"})
    assert "Park in lot D." in page.content.decode()
    email.refresh_from_db()
    assert email.text == "Park in lot D."


# Review and send -------------------------------------------------------------------------------------------------


def test_review_shows_who_gets_it_who_does_not_and_both_languages(staff, event):
    factories.rsvp(event, "Alma Reyes")
    luz = factories.rsvp(event, "Luz Reyes", language="es")
    email = draft(event, statuses=["confirmed", "invited"])
    for name, organization in (("Eva Luna", "Port Gate Logistics"), ("Fay Moua", "Delta Orchards")):
        contact = factories.person(name, factories.organization(organization), email="e@example.org")
        factories.invitation(event, contact, emailed_at=event.created_at)
    page = staff.get(f"{review_url(email)}?as=r{luz.pk}")
    text = page.content.decode()
    assert page.context["count"] == 3
    assert [(person.name, str(person.reason)) for person, _url in page.context["excluded"]] == [
        ("Fay Moua", "duplicate")
    ]
    assert "1 person reads Spanish and will get the English email" in text
    assert [preview.language for preview in page.context["previews"]] == ["en", "es"]
    assert "Park in lot B, Luz." in page.context["previews"][1].email.body_text
    assert luz.token not in text
    found = staff.get(f"{review_url(email)}?q=luna").context["people"]
    assert [person.name for person in found] == ["Eva Luna"]


def test_review_asks_the_same_number_of_queries_for_few_and_many(staff, event, django_assert_num_queries):
    event.capacity = 100
    event.save()
    email = draft(event)
    factories.rsvp(event)
    staff.get(review_url(email))
    with CaptureQueriesContext(connection) as few:
        staff.get(review_url(email))
    for number in range(30):
        factories.rsvp(event, f"Guest {number}")
    with django_assert_num_queries(len(few)):
        staff.get(review_url(email))


def test_number_must_be_typed_and_starts_the_mailing_once(staff, event):
    factories.rsvp(event, "Alma Reyes")
    factories.rsvp(event, "Ben Ochoa")
    email = draft(event)
    page = confirm(staff, email, 3)
    assert page.status_code == 422
    assert "You typed 3, but 2 people would be emailed." in page.content.decode()
    assert not Mailing.objects.exists()
    page = confirm(staff, email, 2)
    mailing = Mailing.objects.get()
    assert page.redirect_chain[-1][0] == f"/imagine/admin/mail/mailing/{mailing.pk}/change/"
    assert "Mailing started. We’re emailing 2 people." in page.content.decode()
    assert f'href="{EMAILS}{email.pk}/change/"' in page.content.decode()
    again = staff.post(review_url(email), {"number": "2", "shown": "2", "mark": ""}, follow=True)
    assert again.redirect_chain[-1][0] == f"/imagine/admin/mail/mailing/{mailing.pk}/change/"
    assert Mailing.objects.count() == 1
    sent = staff.get(f"{EMAILS}{email.pk}/change/").content.decode()
    assert 'name="_review"' not in sent
    assert staff.post(f"{EMAILS}{email.pk}/delete/", {"post": "yes"}).status_code == 403


def test_recipients_or_text_that_changed_since_are_reviewed_again(staff, event):
    rsvp = factories.rsvp(event, "Alma Reyes")
    email = draft(event)
    data = web_client.form_fields(staff.get(review_url(email))) | {"number": "1"}
    seats.cancel(rsvp)
    factories.rsvp(event, "Ben Ochoa")
    page = staff.post(review_url(email), data)
    assert page.status_code == 422
    assert "No one was emailed. Review and confirm." in page.content.decode()
    assert not Mailing.objects.exists()


def test_sending_needs_the_right_to_invite(event):
    factories.rsvp(event)
    email = draft(event)
    viewer = staff_client("view_staffemail", "change_staffemail", "view_rsvp")
    page = viewer.get(review_url(email)).content.decode()
    assert 'name="number"' not in page
    assert viewer.post(review_url(email), {"number": "1", "shown": "1", "mark": ""}).status_code == 403
    assert not Mailing.objects.exists()
