"""Wordings: mail whose words staff may change, by its kind (docs/rules.md).

An app registers each kind with the words that are shipped and the placeholders that they may hold. Staff write their
own subject and text in its place, in each language; what surrounds them (what it is about, the button, the foot) stays
ours. Words that do not fit are refused when they are saved. Stored ones that do not fit any more, because a placeholder
is gone since, are passed over: then the shipped words are sent.
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
from imagine.mail import preferences, rendering
from imagine.mail.models import EmailPreference, Message, TemplateOverride
from imagine.mail.rendering import RenderedEmail, place

LANGUAGES = [code for code, _name in settings.LANGUAGES]
LINK = "link"  # where the button leads; the one placeholder that every mail has, and no subject
PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
MARKUP = re.compile(r"<\s*[/!?a-zA-Z][^>\n]{0,40}>?")
MOST_KEPT = 100  # mails with the facts of one event or year in them
BEYOND_WORDS = {"Cc", "Co", "Cs"}  # control characters, and the private ones that letters.place uses


class Words(NamedTuple):
    """What is said: a subject, and paragraphs with empty lines between them."""

    subject: str
    text: str


class Example(NamedTuple):
    """Invented values for the page where staff look at a mail: as `Current.letter` takes them."""

    words: Mapping[str, str]
    facts: Mapping[str, str]
    card: tuple[tuple[str, ...], ...] = ()
    button: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A mail whose words staff may change. What readers see is given lazily translated.

    `placeholders` say what each stands for; {link} is always among them. `mail` is what its reader may choose not to
    get: invitations, reminders or news. `why` says why one gets it. `example` is called in the language it is to be in.
    """

    code: str
    title: str | Promise
    mail: str
    placeholders: Mapping[str, str | Promise]
    subject: str | Promise
    paragraphs: tuple[str | Promise, ...]
    button: str | Promise
    why: str | Promise
    example: Callable[[], Example]

    def shipped(self, language: str) -> Words:
        with translation.override(language):
            return Words(str(self.subject), "\n\n".join(str(paragraph) for paragraph in self.paragraphs))


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Makes a kind known, once, when its app's module is read."""
    if kind.code in KINDS:
        raise ValueError(f"There are two mails called {kind.code}.")
    KINDS[kind.code] = kind
    return kind


# Say -----------------------------------------------------------------------------------------------------------


class Current(NamedTuple):
    """What is said in one kind of mail now, in each language."""

    kind: Kind
    said: Mapping[str, Words]

    def letter(
        self,
        language: str,
        *,
        words: Mapping[str, str],
        facts: Mapping[str, str],
        card: tuple[tuple[str, ...], ...] = (),
        button: str = "",
        notes: tuple[str, ...] = (),
    ) -> RenderedEmail:
        """The mail in a language. `words` belong to one person (letters.write), `facts` to all who are told the same:
        together the values of the placeholders, and in `words` also link, unsubscribe and choices, the addresses that
        the mail leads to. `card` are groups of lines about what it is about, the first line of each in bold; `notes`
        stand below the button. A paragraph of which nothing is left is left out."""
        known = frozenset((name, str(fact)) for name, fact in facts.items())
        subject, paragraphs = with_facts(self.said[language], frozenset(words), known)
        with translation.override(language):
            told = {
                "headline": subject,
                "paragraphs": paragraphs,
                "card": card,
                "button": button or str(self.kind.button),
                "why": str(self.kind.why),
                "notes": notes,
                "mail": self.kind.mail,
            }
            return rendering.write("editable", told, words, layout="mail/editable_layout")

    def message(
        self,
        *,
        about: Model,
        idempotency_key: str,
        recipient: str,
        address: EmailPreference,
        language: str,
        words: Mapping[str, str],
        ics: str = "",
        **how,
    ) -> Message:
        """The mail to one of many, unsaved: with one-click unsubscribe and the link to choose. `how` is what `letter`
        takes, or a further field of the message."""
        fields = {name: how.pop(name) for name in list(how) if name not in {"facts", "card", "button", "notes"}}
        foot = footing(address, self.kind.mail)
        letter = self.letter(language, words={**words, **foot}, **how)
        return Message(
            **{"kind": self.kind.code, "about": about} | fields,
            idempotency_key=idempotency_key,
            recipient=recipient,
            language=language,
            queue=Message.Queue.BULK,
            topic=self.kind.mail,
            unsubscribe_url=foot["unsubscribe"],
            ics=ics,
            **letter._asdict(),
        )


def current(code: str) -> Current:
    """What is said in a kind of mail now: one query for any number of letters."""
    kind = KINDS[code]
    stored = {row.language: Words(row.subject, row.text) for row in TemplateOverride.objects.active().filter(kind=code)}
    fitting = {language: words for language, words in stored.items() if not any(faults(kind, words).values())}
    return Current(kind, {language: fitting.get(language) or kind.shipped(language) for language in LANGUAGES})


def footing(address: EmailPreference, mail: str) -> dict[str, str]:
    """Where the foot of a mail leads: no more of this, and all that can be chosen."""
    return {
        "unsubscribe": preferences.unsubscribe_url(address, mail),
        "choices": settings.SITE_URL + address.get_absolute_url(),
    }


def example(kind: Kind, language: str, words: Words) -> RenderedEmail:
    """A mail of this kind with these words, as an invented reader gets it. Its links lead nowhere."""
    with translation.override(language):
        shown, nowhere = kind.example(), _("(the link of each reader alone)")
    links = dict.fromkeys((LINK, "unsubscribe", "choices"), nowhere)
    how = shown._asdict() | {"words": {**links, **shown.words}}
    return Current(kind, {language: words}).letter(language, **how)


@lru_cache(maxsize=MOST_KEPT)
def with_facts(said: Words, names: frozenset[str], facts: frozenset[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    """Subject and paragraphs of a mail to many, with places where the words of these `names` stand, of one person."""
    values = {name: place(name) for name in names} | {name: clean(fact) for name, fact in facts}
    subject, text = (filled(part, values) for part in said)
    return subject, paragraphs(text)


def filled(part: str, values: Mapping[str, str]) -> str:
    """Words with the values of their placeholders. One that ends with a period, as "8:00 a.m.", ends a sentence too."""
    said = PLACEHOLDER.sub(lambda found: values[found[1]] + "\0", part)
    return said.replace(".\0.", ".").replace("\0", "")


def paragraphs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"\n\s*\n", text) if part.strip())


def clean(fact: str) -> str:
    """A fact without the characters that mark a place."""
    return "".join(letter for letter in fact if letter == "\n" or unicodedata.category(letter) not in BEYOND_WORDS)


# What staff may write ------------------------------------------------------------------------------------------


def tidied(words: Words) -> Words:
    """Words as they are kept: one spelling of a line's end, no space around."""
    lines = words.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines))
    return Words(words.subject.strip(), text.strip())


def faults(kind: Kind, words: Words) -> dict[str, list[str]]:
    """Why these words cannot be sent, by the field, each a sentence for who wrote them; empty lists when they fit."""
    subject = in_part(kind, words.subject, but=LINK)
    if not words.subject.strip():
        subject.append(_("Write a subject: a mail without one is not opened."))
    if "\n" in words.subject or "\r" in words.subject:
        subject.append(_("A subject is one line."))
    text = in_part(kind, words.text)
    if not words.text.strip():
        text.append(_("Write what the mail says. To have the shipped words again, press the button for them."))
    return {"subject": subject, "text": text}


def in_part(kind: Kind, part: str, *, but: str | None = None) -> list[str]:
    return [*markup(part), *strangers(part), *braces(kind, part, but)]


def markup(part: str) -> list[str]:
    found = MARKUP.search(part)
    said = _("A mail’s words are plain, without HTML or script: take out “%(found)s”.")
    return [said % {"found": found[0]}] if found else []


def strangers(part: str) -> list[str]:
    odd = any(unicodedata.category(letter) in BEYOND_WORDS and letter not in "\r\n" for letter in part)
    return (
        [_("There is a character in it that no mail shows. Type the words anew instead of pasting them.")]
        if odd
        else []
    )


def braces(kind: Kind, part: str, but: str | None) -> list[str]:
    said = []
    if {"{", "}"} & set(PLACEHOLDER.sub("", part)):
        said.append(
            _("A brace stands alone. A placeholder has one before and one behind: {%(name)s}.") % {"name": "event"}
        )
    known = [name for name in placeholders(kind) if name != but]
    for name in dict.fromkeys(PLACEHOLDER.findall(part)):
        if name == but:
            said.append(_("A subject carries no link."))
        elif name not in known:
            said.append(unknown(name, known))
    return said


def unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name.strip().lower(), known, n=1)
    if near:
        return _("This mail knows no {%(name)s}. Did you mean {%(near)s}?") % {"name": name, "near": near[0]}
    these = ", ".join(f"{{{each}}}" for each in known)
    return _("This mail knows no {%(name)s}. It knows: %(these)s.") % {"name": name, "these": these}


def placeholders(kind: Kind) -> dict[str, str | Promise]:
    """What may stand in a mail of this kind, each with what it is."""
    return {**kind.placeholders, LINK: _("the address that the button leads to, once more; not in the subject")}


# Change --------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """Words that cannot be sent. Its text is a sentence for who wrote them."""


def lock(kind: Kind) -> None:
    """Make other editors of this template wait for the end of the transaction. A lock needs rows, so they are created
    empty."""
    rows = [TemplateOverride(kind=kind.code, language=language) for language in LANGUAGES]
    TemplateOverride.objects.bulk_create(rows, ignore_conflicts=True)
    list(TemplateOverride.objects.select_for_update().filter(kind=kind.code).order_by("pk"))


def stored(kind: Kind, language: str) -> TemplateOverride:
    """Return what staff stored, or a row with the default text."""
    row = TemplateOverride.objects.filter(kind=kind.code, language=language).first()
    row = row or TemplateOverride(kind=kind.code, language=language)
    if not row.text:
        row.subject, row.text = kind.shipped(language)
    return row


@transaction.atomic
def change(kind: Kind, language: str, words: Words, *, by: str = "") -> bool:
    """Staff say it in their own words from now on. The shipped words are not stored, so that they are bettered with the
    next version. Raises Refused. Says whether it was otherwise before."""
    words = tidied(words)
    for sentence in [each for part in faults(kind, words).values() for each in part]:
        raise Refused(sentence)
    lock(kind)
    row = stored(kind, language)
    before = Words(row.subject, row.text)
    if words == before:
        return False
    audit.log_change(row, before._asdict(), words._asdict())
    row.subject, row.text = ("", "") if words == kind.shipped(language) else words
    row.changed_at, row.changed_by = timezone.now(), by
    row.save()
    return True


@transaction.atomic
def take_back(kind: Kind) -> bool:
    """The shipped words again, in every language. Says whether there were others."""
    lock(kind)
    rows = list(TemplateOverride.objects.active().filter(kind=kind.code))
    for row in rows:
        before = Words(row.subject, row.text)
        audit.log_change(row, before._asdict(), kind.shipped(row.language)._asdict())
    TemplateOverride.objects.filter(kind=kind.code).update(subject="", text="")
    return bool(rows)
