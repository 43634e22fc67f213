"""Email templates whose text staff can edit (docs/rules.md).

An app registers each template with its default text and the placeholders it may use. Staff can replace subject and text
in each language; what surrounds them (what the email is about, the button, the footer) they can't change. Text with
errors is rejected when it is saved. A saved text that has an error by now, because a placeholder was removed since, is
ignored and the default text is used.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from imagine.mail import preferences, rendering
from imagine.mail.models import EmailPreference, Message, TemplateOverride
from imagine.mail.rendering import RenderedEmail, marker

LANGUAGES = [code for code, _name in settings.LANGUAGES]
LINK = "link"  # the button's address: a placeholder of every template, but not in the subject
PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
MARKUP = re.compile(r"<\s*[/!?a-zA-Z][^>\n]{0,40}>?")
MAX_CACHED = 100  # texts with the facts of one event or year
FORBIDDEN_CATEGORIES = {"Cc", "Co", "Cs"}  # control characters, and private ones such as rendering.py's markers


class TemplateText(NamedTuple):
    """A subject, and paragraphs separated by blank lines."""

    subject: str
    text: str


class TemplateExample(NamedTuple):
    """Arguments of `LoadedTemplate.render` for a preview."""

    personal: Mapping[str, str]
    facts: Mapping[str, str]
    card: tuple[tuple[str, ...], ...] = ()
    button: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditableTemplate:
    """A template whose text staff can edit. The texts are lazy translations.

    `placeholders` maps each name to its description; {link} is added to them. `topic` is the topic to unsubscribe from.
    `reason` tells why the recipient gets the email. `example` is called with the language of the preview active.
    """

    code: str
    title: str | Promise
    topic: str
    placeholders: Mapping[str, str | Promise]
    subject: str | Promise
    paragraphs: tuple[str | Promise, ...]
    button: str | Promise
    reason: str | Promise
    example: Callable[[], TemplateExample]

    def default_text(self, language: str) -> TemplateText:
        with translation.override(language):
            return TemplateText(str(self.subject), "\n\n".join(str(paragraph) for paragraph in self.paragraphs))


TEMPLATES: dict[str, EditableTemplate] = {}


def register_template(template: EditableTemplate) -> EditableTemplate:
    if template.code in TEMPLATES:
        raise ValueError(f"The template {template.code} is already registered.")
    TEMPLATES[template.code] = template
    return template


# Rendering -----------------------------------------------------------------------------------------------------


class LoadedTemplate(NamedTuple):
    """A template and its current text in each language."""

    template: EditableTemplate
    texts: Mapping[str, TemplateText]

    def render(
        self,
        language: str,
        *,
        personal: Mapping[str, str],
        facts: Mapping[str, str],
        card: tuple[tuple[str, ...], ...] = (),
        button: str = "",
        notes: tuple[str, ...] = (),
    ) -> RenderedEmail:
        """Render the email in a language.

        `personal` values belong to one recipient (rendering.py), `facts` are the same for many. Together they are the
        values of the placeholders. `personal` also has link, unsubscribe_url and preferences_url. `card` describes what
        the email is about in groups of lines, the first of each in bold. `notes` stand below the button. Paragraphs
        that are empty once the placeholders are filled are left out.
        """
        values = frozenset((name, str(fact)) for name, fact in facts.items())
        subject, paragraphs = fill_facts(self.texts[language], frozenset(personal), values)
        with translation.override(language):
            context = {
                "headline": subject,
                "paragraphs": paragraphs,
                "card": card,
                "button": button or str(self.template.button),
                "reason": str(self.template.reason),
                "notes": notes,
                "topic": self.template.topic,
            }
            return rendering.render_email("editable", context, personal, layout="mail/editable_layout")

    def build_message(
        self,
        *,
        about: Model,
        idempotency_key: str,
        recipient: str,
        preference: EmailPreference,
        language: str,
        personal: Mapping[str, str],
        facts: Mapping[str, str],
        card: tuple[tuple[str, ...], ...] = (),
        button: str = "",
        notes: tuple[str, ...] = (),
        **fields,
    ) -> Message:
        """Return an unsaved bulk message with links to unsubscribe. `fields` are further fields of the message."""
        urls = footer_urls(preference, self.template.topic)
        rendered = self.render(
            language, personal={**personal, **urls}, facts=facts, card=card, button=button, notes=notes
        )
        return Message(
            **{"kind": self.template.code} | fields,
            about=about,
            idempotency_key=idempotency_key,
            recipient=recipient,
            language=language,
            queue=Message.Queue.BULK,
            topic=self.template.topic,
            unsubscribe_url=urls["unsubscribe_url"],
            **rendered._asdict(),
        )


def load_template(code: str) -> LoadedTemplate:
    """Load a template with its current text in each language, in one query."""
    template = TEMPLATES[code]
    overrides = {
        row.language: TemplateText(row.subject, row.text)
        for row in TemplateOverride.objects.active().filter(template=code)
    }
    valid = {language: text for language, text in overrides.items() if not any(find_errors(template, text).values())}
    texts = {language: valid.get(language) or template.default_text(language) for language in LANGUAGES}
    return LoadedTemplate(template, texts)


def footer_urls(preference: EmailPreference, topic: str) -> dict[str, str]:
    return {
        "unsubscribe_url": preferences.unsubscribe_url(preference, topic),
        "preferences_url": settings.SITE_URL + preference.get_absolute_url(),
    }


def render_example(template: EditableTemplate, language: str, text: TemplateText) -> RenderedEmail:
    """Render the template with this text for an invented recipient. Words stand in place of its links."""
    with translation.override(language):
        example, no_link = template.example(), _("(each recipient’s personal link)")
    links = dict.fromkeys((LINK, "unsubscribe_url", "preferences_url"), no_link)
    arguments = example._asdict() | {"personal": {**links, **example.personal}}
    return LoadedTemplate(template, {language: text}).render(language, **arguments)


@lru_cache(maxsize=MAX_CACHED)
def fill_facts(
    text: TemplateText, personal: frozenset[str], facts: frozenset[tuple[str, str]]
) -> tuple[str, tuple[str, ...]]:
    """Return subject and paragraphs with the facts filled in, and markers for the personal values of these names."""
    values = {name: marker(name) for name in personal} | {name: remove_forbidden(fact) for name, fact in facts}
    subject, body = (fill_placeholders(part, values) for part in text)
    return subject, split_paragraphs(body)


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replace placeholders with their values. If one ends with a period, like "8:00 a.m.", drop a period after it."""
    filled = PLACEHOLDER.sub(lambda match: values[match[1]] + "\0", text)
    return filled.replace(".\0.", ".").replace("\0", "")


def split_paragraphs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"\n\s*\n", text) if part.strip())


def remove_forbidden(fact: str) -> str:
    return "".join(char for char in fact if char == "\n" or unicodedata.category(char) not in FORBIDDEN_CATEGORIES)


# Validation ----------------------------------------------------------------------------------------------------


def normalize_text(text: TemplateText) -> TemplateText:
    """Return the text as it is stored: with \\n at line ends, no surrounding whitespace, single blank lines."""
    lines = text.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines))
    return TemplateText(text.subject.strip(), body.strip())


def find_errors(template: EditableTemplate, text: TemplateText) -> dict[str, list[str]]:
    """Return the error messages for each field, empty lists if there are none."""
    subject = part_errors(template, text.subject, without=LINK)
    if not text.subject.strip():
        subject.append(_("Enter a subject."))
    if "\n" in text.subject or "\r" in text.subject:
        subject.append(_("Enter the subject on one line."))
    body = part_errors(template, text.text)
    if not text.text.strip():
        body.append(_("Enter the text of the email, or select “Restore default text”."))
    return {"subject": subject, "text": body}


def part_errors(template: EditableTemplate, part: str, *, without: str | None = None) -> list[str]:
    return [*markup_errors(part), *character_errors(part), *placeholder_errors(template, part, without)]


def markup_errors(part: str) -> list[str]:
    found = MARKUP.search(part)
    message = _("Use plain text without HTML. Remove “%(found)s”.")
    return [message % {"found": found[0]}] if found else []


def character_errors(part: str) -> list[str]:
    if any(unicodedata.category(char) in FORBIDDEN_CATEGORIES and char not in "\r\n" for char in part):
        return [_("This text has a character that email can’t show. Type the text instead of pasting it.")]
    return []


def placeholder_errors(template: EditableTemplate, part: str, without: str | None) -> list[str]:
    errors = []
    if {"{", "}"} & set(PLACEHOLDER.sub("", part)):
        errors.append(_("Placeholders need both braces, like {%(name)s}.") % {"name": "event"})
    known = [name for name in describe_placeholders(template) if name != without]
    for name in dict.fromkeys(PLACEHOLDER.findall(part)):
        if name == without:
            errors.append(_("The subject can’t include the link. Remove {%(name)s}.") % {"name": name})
        elif name not in known:
            errors.append(unknown_placeholder_error(name, known))
    return errors


def unknown_placeholder_error(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name.strip().lower(), known, n=1)
    if near:
        return _("{%(name)s} isn’t a placeholder of this email. Did you mean {%(near)s}?") % {
            "name": name,
            "near": near[0],
        }
    these = ", ".join(f"{{{each}}}" for each in known)
    return _("{%(name)s} isn’t a placeholder of this email. Use one of these: %(these)s.") % {
        "name": name,
        "these": these,
    }


def describe_placeholders(template: EditableTemplate) -> dict[str, str | Promise]:
    """Return the description of each placeholder."""
    return {**template.placeholders, LINK: _("the address that the button opens; not for the subject")}


# Editing -------------------------------------------------------------------------------------------------------


class InvalidTemplate(RuleViolation):
    """The text can't be saved. The message tells staff why."""


def lock_overrides(template: EditableTemplate) -> None:
    """Make other editors of this template wait for the end of the transaction. A lock needs rows, so they are created
    empty."""
    rows = [TemplateOverride(template=template.code, language=language) for language in LANGUAGES]
    TemplateOverride.objects.bulk_create(rows, ignore_conflicts=True)
    list(TemplateOverride.objects.select_for_update().filter(template=template.code).order_by("pk"))


def get_override(template: EditableTemplate, language: str) -> TemplateOverride:
    """Return the stored row or an unsaved one, with the default text if staff saved none."""
    row = TemplateOverride.objects.filter(template=template.code, language=language).first()
    row = row or TemplateOverride(template=template.code, language=language)
    if not row.text:
        row.subject, row.text = template.default_text(language)
    return row


@transaction.atomic
def save_text(template: EditableTemplate, language: str, text: TemplateText, *, changed_by: str = "") -> bool:
    """Save staff's text and return whether it changed. Raise InvalidTemplate.

    The default text is stored as an empty row, so that improvements in a new version apply.
    """
    text = normalize_text(text)
    for message in [each for messages in find_errors(template, text).values() for each in messages]:
        raise InvalidTemplate(message)
    lock_overrides(template)
    row = get_override(template, language)
    before = TemplateText(row.subject, row.text)
    if text == before:
        return False
    audit.log_change(row, before._asdict(), text._asdict())
    row.subject, row.text = ("", "") if text == template.default_text(language) else text
    row.changed_at, row.changed_by = timezone.now(), changed_by
    row.save()
    record_event(SecurityEventKind.SETTING_CHANGED, row, template=template.code, language=language)
    return True


@transaction.atomic
def restore_default_text(template: EditableTemplate) -> bool:
    """Go back to the default text in every language. Return whether staff had saved one."""
    lock_overrides(template)
    rows = list(TemplateOverride.objects.active().filter(template=template.code))
    for row in rows:
        before = TemplateText(row.subject, row.text)
        audit.log_change(row, before._asdict(), template.default_text(row.language)._asdict())
        record_event(SecurityEventKind.SETTING_CHANGED, row, template=template.code, language=row.language)
    TemplateOverride.objects.filter(template=template.code).update(subject="", text="")
    return bool(rows)
