"""Emails about pledges in both languages: their text, the right link, and no one else's data."""

import re
from datetime import date

import pytest

from imagine.mail import attachments, delivery
from imagine.mail.models import Message
from partners.emails import pledge as pledge_emails
from partners.models import PledgeRequest, Signature
from partners.pledges import editing as pledge_editing
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def last() -> Message:
    return Message.objects.order_by("-created_at")[0]


def one_line(text: str) -> str:
    return " ".join(text.split())


def html_text(message: Message) -> str:
    return one_line(re.sub(r"<[^>]+>", " ", message.body_html))


def test_pledge_request_email_contains_the_link():
    factories.pledge_year(announced_deadline=date(2027, 9, 30))
    start = factories.pledge_request()
    message = last()
    assert (message.kind, message.about, message.subject) == (
        "pledge_request",
        start,
        "Your link to make a promise for 2027–28",
    )
    assert one_line(message.body_text).startswith(
        "Your link What will you promise? We’re glad you want to help our students. The link below opens your "
        "checklist of promises. It takes about two minutes, and you don’t need an account. You can save a draft, come "
        "back, and sign when you’re ready. "
        "School year 2027–28 Open until September 30, 2027 "
        f"Choose your promises: http://127.0.0.1:8000/imagine/promise/{start.token}/ This link"
    )
    assert f'href="http://127.0.0.1:8000/imagine/promise/{start.token}/"' in message.body_html


def test_signed_email_lists_the_promises_and_attaches_the_certificate(mail_server):
    pledge = factories.signed_pledge(
        promises=(factories.promise_data("tours", 1), factories.promise_data("mentors", 1200))
    )
    message = last()
    assert message.subject == "Your promises for 2027–28 are signed"
    lines = ["Host tours and field trips: 1 visit", "Be mentors and role models: 1,200 students"]
    assert [line[2:] for line in message.body_text.splitlines() if line.startswith("- ")] == lines
    assert f"Your promises: {lines[0]} {lines[1]} View or change" in html_text(message)
    assert message.body_html.count("<li ") == 2
    assert "Your certificate is attached" in message.body_text
    assert (message.attachment_kind, message.attached) == ("certificate", Signature.objects.get())
    delivery.requeue_abandoned()
    [attachment] = list(mail_server.emails[-1].iter_attachments())
    assert (attachment.get_filename(), attachment.get_content_type()) == (
        "imagine-promise-2027-28.pdf",
        "application/pdf",
    )
    assert attachment.get_content().startswith(b"%PDF-")
    message = Message.objects.get(pk=message.pk)
    pledge_editing.delete_pledge(pledge)
    assert attachments.build_attachment(message) is None


def test_email_after_signing_again_says_it_replaces_the_one_before():
    pledge = factories.signed_pledge()
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 9)), name="Alma Reyes"
    )
    assert last().subject == "Your updated promises for 2027–28 are signed"
    assert "It replaces the last one." in last().body_text
    assert "- Host tours and field trips: 9 visits" in last().body_text


def test_names_are_escaped_in_html_and_stay_on_one_line():
    factories.signed_pledge("Tule & Sons\n<b>Hardware</b>")
    message = last()
    assert "Tule & Sons <b>Hardware</b>" in message.body_text.splitlines()
    assert "<b>Tule &amp; Sons &lt;b&gt;Hardware&lt;/b&gt;</b>" in message.body_html


def test_emails_do_not_contain_another_partners_text():
    for number in range(3):
        factories.signed_pledge(
            f"Partner {number}", f"p{number}@example.org", promises=(factories.promise_data("tours", number + 1),)
        )
    for message in Message.objects.filter(kind="pledge_signed"):
        number = int(message.recipient[1])
        assert f"Partner {number}" in message.body_text
        assert f": {number + 1} visit" in message.body_text
        assert not [other for other in range(3) if other != number and f"Partner {other}" in message.body_text]


def test_draft_reminder_is_not_queued_without_a_contact():
    pledge = factories.signed_pledge()
    primary_contact = pledge.contact
    other = factories.contact(pledge.organization, "chue@example.org", "Chue Vang")
    primary_contact.delete()
    pledge.refresh_from_db()
    assert not pledge_emails.queue_draft_reminder(pledge)
    other.is_primary = True
    other.save()
    assert pledge_emails.queue_draft_reminder(pledge)
    assert snapshots.emails_to()[-1] == "draft chue@example.org"


def test_pledge_emails_are_in_spanish(settings):
    pledge = factories.draft_pledge("Unión Local 47", language="es")
    start = PledgeRequest.objects.create(organization="Otra", name="Alma", email=factories.EMAIL, language="es")
    pledge_emails.queue_link(pledge, request=start)
    pledge_emails.queue_draft_reminder(pledge)
    pledge_emails.queue_new_pledge_link(pledge)
    pledge_emails.queue_started_by_staff(pledge)
    before = list(Message.objects.order_by("created_at", "object_id"))
    for quantity in (6, 7):
        page = factories.pledge_data(pledge.token, factories.promise_data("tours", quantity))
        pledge_editing.sign_pledge(pledge.token, **page, name="Alma Reyes")
    messages = before + list(pledge.messages.filter(kind="pledge_signed").order_by("created_at", "object_id"))
    folder = settings.BASE_DIR / "templates" / "mail" / "partners"
    kinds = {path.stem for path in folder.glob("*.txt")} - {"layout", "layout.subject"}
    sent_kinds = {message.kind for message in messages}
    assert sent_kinds - {"draft"} | {"pledge_request"} == kinds  # staff can edit the reminder's text
    assert [message.subject for message in messages] == [
        "Su enlace para hacer una promesa: 2027–28",
        "El enlace a sus promesas para 2027–28",
        "Aún falta firmar sus promesas para 2027–28",
        "Nuevo enlace a sus promesas para 2027–28",
        "Su enlace para hacer una promesa: 2027–28",
        "Sus promesas para 2027–28 están firmadas",
        "Sus promesas actualizadas para 2027–28 están firmadas",
    ]
    assert "- Recibir visitas y excursiones: 6 visitas" in messages[5].body_text
    english = ["promise", "link", "School year", "Reply to", "Your ", "because"]
    for message in messages:
        body = re.sub(r"https?://\S+|Imagine Promise", "", message.body_text)
        assert not [word for word in english if word in body], message.body_text
        assert "{" not in body
