"""The one reminder of an unsigned draft: what it says, in whose words, and how one ends it."""

import pytest

from imagine import addresses, wordings
from imagine.models import Message
from imagine.wordings import KINDS, Words
from partners import tasks
from partners.models import Contact
from tests.partners import make

pytestmark = pytest.mark.django_db


def reminded(**fields) -> Message:
    pledge = make.draft(**fields)
    make.days_later(pledge, 6)
    tasks.remind_drafts()
    return Message.objects.get(key=f"pledge:{pledge.pk}:reminder:1")


def test_it_says_what_is_missing_and_ends_by_one_click(settings):
    message = reminded()
    pledge = Contact.objects.get().pledges.get()
    assert message.subject == "Your promises for 2027–28 are not signed yet"
    assert message.text.startswith(
        "What you ticked for Port Gate Logistics is saved, but it counts only when it is signed.\n\n"
        "If you decided otherwise, do nothing: we do not remind you again.\n\n"
        "Port Gate Logistics\n\nSchool year 2027–28\n\n"
        f"Finish and sign:\n{settings.SITE_URL}{pledge.get_absolute_url()}\n\n"
        "The link belongs to your organization alone."
    )
    assert message.queue == Message.Queue.BULK
    assert message.unsubscribe == addresses.unsubscribe_url(addresses.of(make.EMAIL), "reminders")
    assert message.unsubscribe in message.text


def test_it_says_until_when_the_year_is_open():
    make.year(closes_on="2090-05-31")
    assert "School year 2027–28\nOpen until May 31, 2090\n" in reminded().text


def test_it_is_in_staffs_words():
    wordings.change(KINDS["draft"], "es", Words("Falta firmar, {organization}", "Firme aquí: {link}"))
    message = reminded(language="es")
    assert message.subject == "Falta firmar, Port Gate Logistics"
    assert "Firme aquí: http" in message.text
    assert "Año escolar 2027–28" in message.text


def test_organization_that_looks_like_html_stays_a_name():
    message = reminded(organization="<b>{link}</b>")
    assert "What you ticked for <b>{link}</b> is saved" in message.text
    assert "<b>&lt;b&gt;{link}&lt;/b&gt;</b>" in message.html
