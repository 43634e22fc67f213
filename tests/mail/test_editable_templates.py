"""Email templates that staff can edit: validation, placeholders, and the default text as a fallback."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from imagine.core import audit
from imagine.core.models import AuditEntry
from imagine.mail import editable_templates, preferences
from imagine.mail.editable_templates import TEMPLATES, TemplateText
from imagine.mail.models import Message, TemplateOverride
from imagine.mail.rendering import RenderedEmail

pytestmark = pytest.mark.django_db

TEMPLATE = "reminder_week"
ALL_PLACEHOLDERS = "{name}, {event}, {day}, {when}, {where}, {soon}, {seats}, {code}, {link}"


def rendered(language: str = "en", **changed) -> RenderedEmail:
    with translation.override(language):
        example = TEMPLATES[TEMPLATE].example()
    links = {
        "link": "https://example.org/mine",
        "unsubscribe_url": "https://example.org/no",
        "preferences_url": "https://example.org/c",
    }
    stored = editable_templates.load_template(TEMPLATE)
    return stored.render(
        language, personal={**example.personal, **links} | changed, facts=example.facts, card=example.card
    )


def errors(text: str, subject: str = "Hello") -> dict[str, list[str]]:
    return editable_templates.find_errors(TEMPLATES[TEMPLATE], TemplateText(subject, text))


# Default text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", editable_templates.LANGUAGES)
@pytest.mark.parametrize("code", TEMPLATES)
def test_default_text_is_valid_and_every_placeholder_has_a_value(code, language):
    kind = TEMPLATES[code]
    default = kind.default_text(language)
    assert editable_templates.find_errors(kind, default) == {"subject": [], "text": []}
    everything = "\n\n".join(f"[{{{name}}}]" for name in editable_templates.describe_placeholders(kind))
    for links in (default, TemplateText("Everything", everything)):
        example = editable_templates.render_example(kind, language, links)
        assert not {"{", "}", "\ue000"} & set(example.subject + example.body_text)
        assert "\ue000" not in example.body_html
    assert "[" not in editable_templates.render_example(kind, language, default).body_text


def test_all_editable_templates_are_registered():
    assert set(TEMPLATES) == {
        *("invitation", "invitation_moved", "invitation_called_off", "unanswered"),
        *("reminder_week", "reminder_day", "names_missing", "thanks", "draft", "renewal"),
    }


def test_template_cannot_be_registered_twice():
    with pytest.raises(ValueError, match="reminder_week"):
        editable_templates.register_template(TEMPLATES[TEMPLATE])


def test_default_text_is_translated():
    english, spanish = (TEMPLATES[TEMPLATE].default_text(language) for language in ("en", "es"))
    assert english.subject == "See you {soon}: {event}, {day}"
    assert spanish.subject == "Nos vemos {soon}: {event}, {day}"


# Validation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Dear {nam},", "{nam} isn’t a placeholder of this email. Did you mean {name}?"),
        ("Dear {Name},", "{Name} isn’t a placeholder of this email. Did you mean {name}?"),
        (
            "{}",
            f"{{}} isn’t a placeholder of this email. Use one of these: {ALL_PLACEHOLDERS}.",
        ),
        ("Dear {name,", "Placeholders need both braces, like {event}."),
        ("Dear name},", "Placeholders need both braces, like {event}."),
        ("{{name}}", "Placeholders need both braces, like {event}."),
        (
            "{% now %}",
            f"{{% now %}} isn’t a placeholder of this email. Use one of these: {ALL_PLACEHOLDERS}.",
        ),
        ("<script>alert(1)</script>", "Use plain text without HTML. Remove “<script>”."),
        ("Read <b>this</b>", "Use plain text without HTML. Remove “<b>”."),
        ("< a href=x", "Use plain text without HTML. Remove “< a href=x”."),
        (
            "Hello \ue000link\ue001",
            "This text has a character that email can’t show. Type the text instead of pasting it.",
        ),
        ("Hello \x07", "This text has a character that email can’t show. Type the text instead of pasting it."),
        ("", "Enter the text of the email, or select “Restore default text”."),
        (" \n ", "Enter the text of the email, or select “Restore default text”."),
    ],
)
def test_invalid_text_is_refused_with_its_error(text, sentence):
    assert errors(text) == {"subject": [], "text": [sentence]}
    with pytest.raises(editable_templates.InvalidTemplate, match=re.escape(sentence)):
        editable_templates.save_text(TEMPLATES[TEMPLATE], "en", TemplateText("Hello", text))
    assert not TemplateOverride.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("", "Enter a subject."),
        ("Hello\nBcc: all@example.org", "Enter the subject on one line."),
        ("Your link {link}", "The subject can’t include the link. Remove {link}."),
        ("<i>Hello</i>", "Use plain text without HTML. Remove “<i>”."),
    ],
)
def test_invalid_subject_gets_its_error(subject, sentence):
    assert errors("Hello", subject) == {"subject": [sentence], "text": []}


@pytest.mark.parametrize("text", ["5 < 6 and 7 > 6", "I <3 Stockton", "a & b", "ñandú, “quotes” – dashes …"])
def test_plain_text_with_special_characters_is_valid(text):
    assert errors(text) == {"subject": [], "text": []}
    editable_templates.save_text(TEMPLATES[TEMPLATE], "en", TemplateText("Hello", text))
    assert rendered().body_text.startswith(text)


# Rendering --------------------------------------------------------------------------------------------------


def test_custom_text_is_used_only_in_its_language():
    assert editable_templates.save_text(
        TEMPLATES[TEMPLATE],
        "en",
        TemplateText("See you {soon}", "Dear {name},\n\nCome!\n- with a pen"),
        changed_by="office",
    )
    assert rendered().subject == "See you in 7 days"
    assert rendered().body_text.startswith("Dear Alma Reyes,\n\nCome!\n- with a pen\n\n")
    assert '<p style="margin: 0 0 14px">Come!<br>- with a pen</p>' in rendered().body_html
    assert rendered("es").subject.startswith("Nos vemos dentro de 7 días: Reunión de inicio de Imagine Promise, ")
    row = TemplateOverride.objects.active().get()
    assert (row.template, row.language, row.changed_by) == (TEMPLATE, "en", "office")


def test_link_is_an_anchor_in_html_and_a_url_in_text():
    editable_templates.save_text(TEMPLATES[TEMPLATE], "en", TemplateText("Hello", "Look at {link} & more."))
    assert "Look at https://example.org/mine & more." in rendered().body_text
    assert (
        'Look at <a href="https://example.org/mine" style="color:#17636f;">https://example.org/mine</a> &amp; more.'
        in rendered().body_html
    )


def test_placeholder_values_are_treated_as_plain_text():
    editable_templates.save_text(TEMPLATES[TEMPLATE], "en", TemplateText("{name}", "Dear {name}. {event}"))
    example = rendered(name='{link} <b>x</b>\nBcc: "all"')
    assert example.subject == '{link} <b>x</b> Bcc: "all"'
    assert "<b>x" not in example.body_html
    facts = TEMPLATES[TEMPLATE].example().facts | {"event": "{name} \ue000link\ue001 <i>"}
    links = dict.fromkeys(("link", "unsubscribe_url", "preferences_url", "name", "code"), "-")
    example = editable_templates.load_template(TEMPLATE).render("en", personal=links, facts=facts)
    assert "Dear -. {name} link <i>" in example.body_text
    assert "{name} link &lt;i&gt;" in example.body_html


def test_period_is_not_doubled_after_a_value_that_ends_with_one():
    editable_templates.save_text(
        TEMPLATES[TEMPLATE], "en", TemplateText("Hello", "It is on {when}. And {event}. And so on.")
    )
    assert "a.m. And Imagine Promise Kickoff. And so on" in rendered().body_text


def test_empty_paragraph_is_left_out():
    facts = TEMPLATES["thanks"].example().facts | {"promise": ""}
    links = dict.fromkeys(("link", "unsubscribe_url", "preferences_url", "name"), "-")
    example = editable_templates.load_template("thanks").render("en", personal=links, facts=facts)
    assert "promises.\n\nSee what our partners promised:" in example.body_text
    assert '<p style="margin: 0 0 14px"></p>' not in example.body_html


def test_saved_text_that_became_invalid_is_ignored():
    TemplateOverride.objects.create(
        template=TEMPLATE, language="en", subject="Hello", text="From {a_placeholder_of_before}"
    )
    TemplateOverride.objects.create(template=TEMPLATE, language="es", subject="Hola", text="Le esperamos {soon}.")
    assert rendered().subject.startswith("See you in 7 days: Imagine Promise Kickoff, ")
    assert rendered("es").subject == "Hola"


def test_one_query_for_any_number_of_emails():
    with CaptureQueriesContext(connection) as queries:
        template = editable_templates.load_template(TEMPLATE)
        for language in ("en", "es") * 10:
            example = TEMPLATES[TEMPLATE].example()
            links = {**example.personal, **dict.fromkeys(("link", "unsubscribe_url", "preferences_url"), "-")}
            template.render(language, personal=links, facts=example.facts)
    assert len(queries) == 1


def test_bulk_message_has_an_unsubscribe_link():
    preference, example = preferences.get_preference("alma@example.org"), TEMPLATES[TEMPLATE].example()
    message = editable_templates.load_template(TEMPLATE).build_message(
        about=preference,
        idempotency_key="reminder_week:1",
        recipient="Alma@example.org",
        preference=preference,
        language="en",
        facts=example.facts,
        personal={**example.personal, "link": "https://example.org"},
    )
    assert (message.queue, message.recipient) == (Message.Queue.BULK, "Alma@example.org")
    assert message.unsubscribe_url == preferences.unsubscribe_url(preference, "reminders")
    assert f"Unsubscribe from reminders: {message.unsubscribe_url}\n" in message.body_text
    assert f'<a href="{message.unsubscribe_url}"' in message.body_html
    assert preference.get_absolute_url() in message.body_text


# Changed ----------------------------------------------------------------------------------------------------


def test_saving_twice_is_one_change_in_the_history():
    links = TemplateText("Hello", "Dear {name},\r\n\r\n\r\n\r\nbye  ")
    with audit.as_actor(audit.Actor(AuditEntry.ActorKind.STAFF, "office")):
        assert editable_templates.save_text(TEMPLATES[TEMPLATE], "en", links)
        assert not editable_templates.save_text(TEMPLATES[TEMPLATE], "en", links)
    assert TemplateOverride.objects.active().get().text == "Dear {name},\n\nbye"
    change = AuditEntry.objects.get()
    assert (change.about, change.actor_name) == (TemplateOverride.objects.get(language="en"), "office")
    assert change.changes["subject"] == ["See you {soon}: {event}, {day}", "Hello"]


def test_default_text_is_not_stored():
    kind = TEMPLATES[TEMPLATE]
    assert not editable_templates.save_text(kind, "en", kind.default_text("en"))
    editable_templates.save_text(kind, "en", TemplateText("Hello", "Hello"))
    assert editable_templates.save_text(kind, "en", kind.default_text("en"))
    assert not TemplateOverride.objects.active().exists()


def test_default_text_is_restored_once_in_both_languages():
    kind = TEMPLATES[TEMPLATE]
    for language in editable_templates.LANGUAGES:
        editable_templates.save_text(kind, language, TemplateText("Hello", "Hello"))
    editable_templates.save_text(TEMPLATES["thanks"], "en", TemplateText("Thanks", "Thanks"))
    assert editable_templates.restore_default_text(kind)
    assert not editable_templates.restore_default_text(kind)
    assert [row.template for row in TemplateOverride.objects.active()] == ["thanks"]
    assert AuditEntry.objects.about_any(TemplateOverride.objects.filter(template=TEMPLATE)).count() == 4
