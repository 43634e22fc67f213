"""Collect translatable strings, update the Spanish .po file and compile it, without gettext's programs.

Python files are read with `ast`, templates with Django's parser, .po files with polib.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polib
from django.conf import settings
from django.template import Engine, Template
from django.template.base import FilterExpression, Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

PACKAGES = ("imagine", "partners", "summit")


class MessageId(NamedTuple):
    """The key of a translation. A context tells apart two uses of one English word that need two Spanish ones: an RSVP
    is "confirmada", an event "confirmado"."""

    singular: str
    plural: str = ""
    context: str = ""


# The parameters of gettext's functions, and of those of the same name with "_lazy".
CALLS = {
    "_": ["singular"],
    "gettext": ["singular"],
    "ngettext": ["singular", "plural"],
    "pgettext": ["context", "singular"],
    "npgettext": ["context", "singular", "plural"],
}


def po_path() -> Path:
    return settings.LOCALE_PATHS[0] / "es" / "LC_MESSAGES" / "django.po"


def source_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((settings.BASE_DIR / package).rglob("*.py"))
    templates = settings.BASE_DIR / "templates"
    yield from sorted(path for path in templates.rglob("*") if path.suffix in {".html", ".txt"})


def collect_messages() -> dict[MessageId, list[str]]:
    """Return every string that goes through gettext, with the files it is in."""
    found: dict[MessageId, list[str]] = {}
    for path in source_files():
        messages = messages_in_python(path) if path.suffix == ".py" else messages_in_template(path)
        name = path.relative_to(settings.BASE_DIR).as_posix()
        for message in messages:
            files = found.setdefault(message, [])
            if name not in files:
                files.append(name)
    return found


def messages_in_python(path: Path) -> Iterator[MessageId]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        parameters = CALLS.get(name.removesuffix("_lazy"), [])
        constants = [arg.value for arg in node.args[: len(parameters)] if isinstance(arg, ast.Constant)]
        texts = [value for value in constants if isinstance(value, str)]
        if texts and len(texts) == len(parameters):
            yield MessageId(**dict(zip(parameters, texts, strict=True)))


def messages_in_template(path: Path) -> Iterator[MessageId]:
    source = path.read_text()
    template = Template(source, engine=Engine.get_default())
    for node in template.nodelist.get_nodes_by_type(Node):
        context = literal(node.message_context) if isinstance(node, TranslateNode | BlockTranslateNode) else ""
        if isinstance(node, TranslateNode) and (text := literal(node.filter_expression)):
            yield MessageId(text, context=context)
        elif isinstance(node, BlockTranslateNode):
            singular = node.render_token_list(node.singular)[0]
            plural = node.render_token_list(node.plural)[0] if node.plural else ""
            if node.trimmed:
                singular, plural = trim_lines(singular), trim_lines(plural)
            yield MessageId(singular, plural, context)
    for _quote, text in re.findall(r"""\b_\((["'])(.+?)\1\)""", source):
        yield MessageId(text)


def literal(expression: FilterExpression | None) -> str:
    """Return the text of an expression that is one, or ""."""
    var = getattr(expression, "var", None)
    text = getattr(var, "literal", var)  # {% translate %} makes a Variable of it
    return text if isinstance(text, str) else ""


def trim_lines(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


def update_catalog() -> polib.POFile:
    """Rewrite the .po with the strings of the code, in the order of the files, keeping the translations."""
    old = {key_of_entry(entry): entry for entry in load_catalog()}
    catalogue = polib.POFile(wrapwidth=110)
    catalogue.metadata = {
        "Language": "es",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    for key, files in collect_messages().items():
        before = old.get(key)
        entry = polib.POEntry(msgid=key.singular, msgid_plural=key.plural, occurrences=[(file, "") for file in files])
        entry.msgctxt = key.context or None
        if key.plural:
            entry.msgstr_plural = before.msgstr_plural if before else {0: "", 1: ""}
        else:
            entry.msgstr = before.msgstr if before else ""
        if re.search(r"%\(\w+\)|%[sd]", key.singular + key.plural):
            entry.flags = ["python-format"]
        catalogue.append(entry)
    po_path().parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(po_path()))
    return catalogue


def key_of_entry(entry: polib.POEntry) -> MessageId:
    return MessageId(entry.msgid, entry.msgid_plural, entry.msgctxt or "")


def load_catalog() -> polib.POFile:
    return polib.pofile(str(po_path())) if po_path().exists() else polib.POFile()


def compile_catalog() -> None:
    """Write the .mo that Django reads, unless it is as new as the .po."""
    po, mo = po_path(), po_path().with_suffix(".mo")
    if po.exists() and (not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime):
        fresh = mo.with_suffix(f".{os.getpid()}")  # two processes may do so at once
        load_catalog().save_as_mofile(str(fresh))
        fresh.replace(mo)


def find_gaps() -> list[str]:
    """List what is wrong with the .po: missing, unused and untranslated strings, lost placeholders."""
    entries = {key_of_entry(entry): entry for entry in load_catalog()}
    now = set(collect_messages())
    lines = [f"missing: {key.singular!r}" for key in now - set(entries)]
    lines += [f"unused: {key.singular!r}" for key in set(entries) - now]
    for entry in entries.values():
        if not entry.translated() or entry.fuzzy:
            lines.append(f"untranslated: {entry.msgid!r}")
        if any(loses_placeholder(entry, words) for words in translated_texts(entry)):
            lines.append(f"placeholder: {entry.msgid!r}")
    return sorted(lines)


def translated_texts(entry: polib.POEntry) -> list[str]:
    return [words for words in [entry.msgstr, *entry.msgstr_plural.values()] if words]


def loses_placeholder(entry: polib.POEntry, translation: str) -> bool:
    """Return whether a translation loses or adds a placeholder. Plurals may drop the number ("a seat")."""
    pattern = r"%\(\w+\)[sd]|%[sd]"
    wanted = set(re.findall(pattern, entry.msgid + entry.msgid_plural))
    kept = set(re.findall(pattern, translation))
    return bool(kept - wanted) or (not entry.msgid_plural and kept != wanted)
