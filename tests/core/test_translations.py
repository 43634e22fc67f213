"""The Spanish translations are complete, the tool finds every kind of message, and Spanish pages contain no English."""

import re
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser

import polib
import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from imagine.core import translations
from imagine.mail import editable_templates
from imagine.mail.models import Message
from summit import date_alerts, rsvp_links, seats
from summit.emails import rsvp as rsvp_emails
from summit.models import DateAlert, Event, Rsvp
from tests import factories

MIN_LENGTH = 12  # shorter texts, such as names, may be the same in both languages
NOW = timezone.now()


# The catalogue -----------------------------------------------------------------------------------------------------


def test_catalog_has_no_gaps():
    assert translations.find_gaps() == []


@pytest.mark.slow
def test_one_english_string_has_one_translation():
    """Compiled translations are looked up by the singular alone, so a second plural would replace the first."""
    keys = [(key.context, key.singular) for key in translations.collect_messages()]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []


def test_translations_keep_markup_and_email_links():
    pattern = r"<[^>]+>|mailto:\S+?\"|&\w+;"
    for entry in translations.load_catalog():
        for words in translations.translated_texts(entry):
            assert sorted(re.findall(pattern, words)) == sorted(re.findall(pattern, entry.msgid))


def test_spanish_text_uses_spanish_punctuation():
    """Opening marks, typographic quotes, and no exclamation marks."""
    for entry in translations.load_catalog():
        for words in translations.translated_texts(entry):
            spoken = re.sub(r"<[^>]+>", "", words)
            assert spoken.count("¿") == spoken.count("?"), words
            assert not set(spoken) & set("!¡\"'"), words
            assert spoken == spoken.strip(), words


# The tool ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_project(tmp_path, settings):
    """Let the tool work on an empty project."""
    settings.BASE_DIR, settings.LOCALE_PATHS = tmp_path, [tmp_path / "locale"]
    (tmp_path / "summit").mkdir()
    (tmp_path / "templates").mkdir()
    return tmp_path


def test_messages_are_collected_from_python(empty_project):
    (empty_project / "summit" / "words.py").write_text(
        "label = _('A ' 'seat')\n"
        "other = translation.gettext('Two seats')\n"
        "late = gettext_lazy('Lazy')\n"
        "number = ngettext('%(n)d seat', '%(n)d seats', 3) % {'n': 3}\n"
        "later = ngettext_lazy('%(n)d guest', '%(n)d guests', size)\n"
        "nothing = gettext(label), other('No words')\n"
        "state = pgettext_lazy('RSVP', 'Confirmed'), npgettext('RSVP', '%(n)d left', '%(n)d left', 2)\n"
    )
    assert translations.collect_messages() == {
        ("A seat", "", ""): ["summit/words.py"],
        ("Two seats", "", ""): ["summit/words.py"],
        ("Lazy", "", ""): ["summit/words.py"],
        ("%(n)d seat", "%(n)d seats", ""): ["summit/words.py"],
        ("%(n)d guest", "%(n)d guests", ""): ["summit/words.py"],
        ("Confirmed", "", "RSVP"): ["summit/words.py"],
        ("%(n)d left", "%(n)d left", "RSVP"): ["summit/words.py"],
    }


def test_messages_are_collected_from_templates(empty_project):
    (empty_project / "templates" / "page.html").write_text(
        "{% load i18n %}{% translate 'A title' %}{% if a %}{% translate \"Deep inside\" as words %}{% endif %}\n"
        "{% blocktranslate with name=a.b %}Dear {{ name }}{% endblocktranslate %}\n"
        "{% blocktranslate trimmed count n=a.size asvar fact %}\n  {{ n }} seat\n  is free\n"
        "{% plural %}\n  {{ n }} seats\n  are free\n{% endblocktranslate %}\n"
        "{% include 'other.html' with label=_('In a literal') %}{% translate a.words %}\n"
        "{% translate 'Confirmed' context 'RSVP' %}\n"
        "{% blocktranslate context 'event' with name=a.b %}Save {{ name }}{% endblocktranslate %}\n"
    )
    (empty_project / "templates" / "letter.txt").write_text("{% load i18n %}{% translate 'A title' %}")
    assert translations.collect_messages() == {
        ("A title", "", ""): ["templates/letter.txt", "templates/page.html"],
        ("Deep inside", "", ""): ["templates/page.html"],
        ("Dear %(name)s", "", ""): ["templates/page.html"],
        ("%(n)s seat is free", "%(n)s seats are free", ""): ["templates/page.html"],
        ("In a literal", "", ""): ["templates/page.html"],
        ("Confirmed", "", "RSVP"): ["templates/page.html"],
        ("Save %(name)s", "", "event"): ["templates/page.html"],
    }


def test_update_keeps_translations_and_drops_unused_messages(empty_project):
    source = empty_project / "summit" / "words.py"
    source.write_text("_('Old')\n_('Seat')\nngettext('%(n)d guest', '%(n)d guests', 1)\n")
    fill(translations.update_catalog(), Old="Viejo", Seat="Lugar")
    source.write_text("_('Seat')\n_('New')\nngettext('%(n)d guest', '%(n)d guests', 1)\n")
    entries = [(entry.msgid, entry.msgstr, entry.msgstr_plural, entry.flags) for entry in translations.update_catalog()]
    assert entries == [
        ("Seat", "Lugar", {}, []),
        ("New", "", {}, []),
        ("%(n)d guest", "", {0: "", 1: ""}, ["python-format"]),
    ]


def test_find_gaps_reports_each_kind_of_gap(empty_project):
    source = empty_project / "summit" / "words.py"
    source.write_text("_('Gone')\n_('Empty')\n_('Dear %(name)s')\n_('Hello')\n")
    fill(translations.update_catalog(), **{"Gone": "Ido", "Dear %(name)s": "Hola, %(nombre)s", "Hello": "Hola"})
    source.write_text("_('Empty')\n_('Dear %(name)s')\n_('Hello')\n_('New')\n")
    assert translations.find_gaps() == [
        "missing: 'New'",
        "placeholder: 'Dear %(name)s'",
        "untranslated: 'Empty'",
        "unused: 'Gone'",
    ]


@pytest.mark.parametrize(
    ("english", "spanish", "loses"),
    [
        ({"msgid": "%(n)s of %(all)s"}, "%(n)s de %(all)s", False),
        ({"msgid": "%(n)s of %(all)s"}, "%(n)s de todos", True),
        ({"msgid": "%(n)s of %(all)s"}, "%(n)s de %(all)s y %(more)s", True),
        ({"msgid": "%(n)d seat"}, "%(n)s lugar", True),
        ({"msgid": "%(n)d seat", "msgid_plural": "%(n)d seats"}, "un lugar", False),
        ({"msgid": "%(n)d seat", "msgid_plural": "%(n)d seats"}, "%(m)d lugar", True),
    ],
)
def test_lost_placeholder_is_found(english, spanish, loses):
    assert translations.loses_placeholder(polib.POEntry(**english), spanish) is loses


def test_catalog_is_compiled_only_when_newer(empty_project):
    (empty_project / "summit" / "words.py").write_text("_('Seat')\n")
    fill(translations.update_catalog(), Seat="Lugar")
    compiled = translations.po_path().with_suffix(".mo")
    translations.compile_catalog()
    assert [(entry.msgid, entry.msgstr) for entry in polib.mofile(str(compiled))] == [("Seat", "Lugar")]
    written = compiled.stat().st_mtime_ns
    translations.compile_catalog()
    assert compiled.stat().st_mtime_ns == written


def fill(po: polib.POFile, **words: str) -> None:
    for entry in po:
        entry.msgstr = words.get(entry.msgid, "")
    po.save(str(translations.po_path()))


# Spanish pages -----------------------------------------------------------------------------------------------------


class VisibleText(HTMLParser):
    """Collects a page's text and the attributes that are shown or read aloud."""

    SPOKEN = {"aria-label", "alt", "title", "placeholder", "content"}

    def __init__(self, html: str):
        super().__init__()
        self.texts: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        self.texts += [value or "" for name, value in attrs if name in self.SPOKEN]

    def handle_data(self, data):
        self.texts.append(data)


def english_strings_in(html: str) -> list[str]:
    """Return the English messages that a page contains, unless Spanish uses the same text."""
    text = VisibleText(html).text
    return sorted({piece for piece in english_pieces() if piece in text})


@cache
def english_pieces() -> set[str]:
    """Return the parts of each English message between placeholders and tags."""
    pieces = set()
    for entry in translations.load_catalog():
        unchanged_text = " ".join(translations.translated_texts(entry))
        for words in filter(None, [entry.msgid, entry.msgid_plural]):
            parts = (part.strip(" ,.:") for part in re.split(r"%\(\w+\)[sd]|<[^>]+>", words))
            pieces |= {part for part in parts if len(part) > MIN_LENGTH and part not in unchanged_text}
    return pieces


def test_check_detects_english_text():
    assert english_strings_in("<p>Come to\n breakfast.</p>") == ["Come to breakfast"]
    assert english_strings_in('<meter aria-label="3 of 9 seats are taken"></meter>') == ["seats are taken"]
    assert english_strings_in("<p>Imagine Promise. Venga a desayunar.</p>") == []


@pytest.fixture
def reader() -> Client:
    return Client(headers={"accept-language": "es-MX,es;q=0.9,en;q=0.5"})


def english_on_page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    page = response.content.decode()
    assert '<html lang="es"' in page
    return page


STATES = {
    "open": {},
    "few": {"capacity": 3},
    "full": {"capacity": 2},
    "full and late": {"capacity": 2, "waitlist_closes_hours_before": 24 * 40},
    "soon": {"rsvp_opens_at": NOW + timedelta(days=5)},
    "closed": {"rsvp_closes_at": NOW - timedelta(days=1)},
    "past": {
        "starts_at": NOW - timedelta(days=9),
        "ends_at": NOW - timedelta(days=8),
        "rsvp_opens_at": NOW - timedelta(days=60),
        "rsvp_closes_at": NOW - timedelta(days=9),
    },
    "cancelled": {"canceled_at": NOW},
    "gathering": {"kind": Event.Kind.GATHERING, "meal": Event.Meal.REFRESHMENTS},
}


@pytest.mark.django_db
@pytest.mark.parametrize("fields", STATES.values(), ids=STATES)
def test_event_page_is_spanish(reader, fields):
    event = factories.event()
    factories.rsvp(event, size=2)
    factories.rsvp(event, "Bo Lee", size=6, accepts_partial=True)
    Event.objects.filter(pk=event.pk).update(**fields)
    page = english_on_page(reader, event.get_absolute_url())
    assert "Cumbre Imagine Promise" in page
    assert english_strings_in(page) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["landing", "privacy", "accessibility", "find_rsvp", "found_rsvp"])
def test_page_without_an_event_is_spanish(reader, name):
    assert english_strings_in(english_on_page(reader, reverse(name))) == []


@pytest.mark.django_db
def test_constant_404_page_is_spanish(reader):
    page = english_on_page(reader, reverse("rsvp", args=["x" * 32]), status=404)
    assert english_strings_in(page) == []
    assert "Este enlace no funciona" in page


def confirmed() -> Rsvp:
    return factories.rsvp(factories.event(), size=3, guests=("Jun Reyes",), language="es")


def partly_confirmed() -> Rsvp:
    return factories.rsvp(factories.event(capacity=1), size=3, accepts_partial=True, language="es")


def waitlisted() -> Rsvp:
    return factories.rsvp(factories.event(capacity=1), size=3, language="es")


def waitlist_closed() -> Rsvp:
    """No one is promoted anymore; two seats are available to anyone."""
    event = factories.event(starts_at=NOW.replace(microsecond=0) + timedelta(hours=6), capacity=1)
    rsvp = factories.rsvp(event, size=3, accepts_partial=True, language="es")
    event.capacity = 3
    factories.save_event(event)
    return rsvp


def canceled() -> Rsvp:
    return seats.cancel(confirmed())


def event_canceled() -> Rsvp:
    rsvp = confirmed()
    factories.cancel_event(rsvp.event)
    return rsvp


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("create_rsvp", "status_text"),
    [
        (confirmed, "Tiene 3 lugares reservados"),
        (partly_confirmed, "Tiene 1 lugar reservado y está en espera de 2 más"),
        (waitlisted, "Está en la lista de espera para 3 lugares"),
        (waitlist_closed, "Ahora hay 2 lugares disponibles, para quien los pida primero."),
        (canceled, "Su reservación está cancelada"),
        (event_canceled, "Este evento está cancelado"),
    ],
)
def test_rsvp_page_is_spanish(reader, create_rsvp, status_text):
    page = english_on_page(reader, create_rsvp().get_absolute_url())
    assert status_text in VisibleText(page).text
    assert english_strings_in(page) == []


@pytest.mark.django_db
def test_cancel_page_is_spanish(reader):
    page = english_on_page(reader, reverse("cancel_rsvp", args=[confirmed().token]))
    assert "¿Cancelar su reservación?" in page
    assert english_strings_in(page) == []


@pytest.mark.django_db
def test_errors_are_spanish(reader):
    event = factories.event()
    typed = {"name": "", "email": "alma@example", "size": "99", "phone": "\x01", "note": "a" * 1001}
    page = reader.post(event.get_absolute_url(), typed).content.decode()
    assert "Hay un problema con 5 respuestas" in page
    assert "Escriba un correo electrónico con un punto después de la @, como nombre@example.org." in page
    assert "Elija un número del 1 al 6." in page
    assert "Hay un carácter que no podemos leer." in page
    assert english_strings_in(page) == []


@pytest.mark.django_db
def test_messages_after_a_change_are_spanish(reader):
    rsvp = confirmed()
    address = reverse("change_party", args=[rsvp.token])
    changed, refused = (reader.post(address, {"grow": size}, follow=True).content.decode() for size in ("2", "7"))
    assert "Se actualizó su grupo." in changed
    assert "Un grupo puede ser de 1 a 6 personas." in refused


@pytest.mark.django_db
def test_emails_are_spanish(settings):
    event = factories.event(capacity=4)
    rsvp = factories.rsvp(event, size=3, guests=("Jun Reyes",), language="es")
    factories.rsvp(event, "Bo Lee", size=3, accepts_partial=True, language="es")
    seats.change_party_size(rsvp, size=2)
    rsvp_emails.queue_rsvp_link(rsvp)
    Message.objects.update(state="sent", sent_at=timezone.now())  # the link in queued email would be replaced
    rsvp = rsvp_links.replace_rsvp_link(rsvp)
    event.venue = "Civic Auditorium"
    factories.save_event(event)
    seats.cancel(rsvp)
    factories.cancel_event(event)
    date_alerts.request_alert("eva@example.org", "es")
    alert = DateAlert.objects.get()
    date_alerts.email_alert_link(alert.pk)
    date_alerts.confirm_alert(alert)
    factories.event()
    date_alerts.announce_date()
    written = list(Message.objects.order_by("created_at", "object_id"))
    kinds = {path.stem for path in (settings.BASE_DIR / "templates" / "mail" / "summit").glob("*.txt")}
    assert {message.kind for message in written} == kinds - {
        "layout",
        "layout.subject",
        "date_layout",
        "date_layout.subject",
        "invitation_link",
    }
    for message in written:
        entry = re.sub(r"PRODID:.*", "", message.ics.replace("\r\n ", ""))
        assert english_strings_in(f"{message.subject}\n{message.body_text}\n{message.body_html}\n{entry}") == []


@pytest.mark.slow
@pytest.mark.parametrize("code", editable_templates.TEMPLATES)
def test_editable_templates_are_spanish(code):
    kind = editable_templates.TEMPLATES[code]
    assert english_strings_in("\n".join(editable_templates.render_example(kind, "es", kind.default_text("es")))) == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 403, "403_csrf", "403_signed_out", 404, 413, 415, 429, 500, 503])
def test_error_page_is_spanish(status):
    with translation.override("es"):
        page = render_to_string(f"{status}.html", {"minutes": 10})
    assert english_strings_in(page) == []
    assert "<title>" in page
