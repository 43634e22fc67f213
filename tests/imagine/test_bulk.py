"""Mail to many, from queued to sent, against a real SMTP server: pace, pause, stop, doubt."""

import pytest

from imagine import bulk, mail, tasks
from imagine.models import Mailing, Message
from tests.imagine.post import outcome

pytestmark = pytest.mark.django_db


def mailing(**fields) -> Mailing:
    return Mailing.objects.create(**({"about": "event:17", "title": "Kick-off", "count": 3} | fields))


def letters(of: Mailing | None, count: int = 3, **fields) -> list[Message]:
    """Messages of a mailing in the queue."""
    words = {"language": "en", "subject": "Come to the kick-off", "text": "Breakfast.\n", "html": "<p>Breakfast.</p>"}
    number = Message.objects.count()
    messages = [
        Message(key=f"invitation:{n}:invited", to=f"guest{n}@example.org", queue="bulk", mailing=of, **(words | fields))
        for n in range(number, number + count)
    ]
    mail.queue_many(messages)
    return messages


def test_deliver_sends_each_once(post_office):
    messages = letters(mailing())
    for _twice in range(2):
        tasks.deliver_bulk()
    assert [outcome(message) for message in messages] == [("sent", 1, "", False)] * 3
    assert sorted(sent["To"] for sent in post_office.mails) == [f"guest{n}@example.org" for n in range(3)]


def test_figures(post_office):
    one = mailing()
    letters(one, 2)
    assert bulk.figures(one)
    tasks.deliver_bulk()
    assert bulk.figures(one)[:8] == (3, 1, 0, 0, 2, 0, 0, 0)
    assert bulk.stop(one) == []
