"""Collect translatable strings, update the Spanish .po file and compile it, without gettext's programs.

Python files are read with `ast`, templates with Django's parser, .po files with polib.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from django.conf import settings
from django.template import Engine, Template
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

CALLS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "ngettext": 2, "ngettext_lazy": 2}
PACKAGES = ("imagine", "partners", "summit")

MessageForms = tuple[str, str]  # singular and plural ("" if there is no plural form)


def po_path() -> Path:
    return settings.LOCALE_PATHS[0] / "es" / "LC_MESSAGES" / "django.po"


def source_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((settings.BASE_DIR / package).rglob("*.py"))
    templates = settings.BASE_DIR / "templates"
    yield from sorted(path for path in templates.rglob("*") if path.suffix in {".html", ".txt"})


def collect_messages() -> dict[MessageForms, list[str]]:
    """Return every string that goes through gettext, with the files it is in."""
    found: dict[MessageForms, list[str]] = {}
    for path in source_files():
        messages = messages_in_python(path) if path.suffix == ".py" else messages_in_template(path)
        name = path.relative_to(settings.BASE_DIR).as_posix()
        for message in messages:
            files = found.setdefault(message, [])
            if name not in files:
                files.append(name)
    return found


def messages_in_python(path: Path) -> Iterator[MessageForms]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        constants = [arg.value for arg in node.args[: CALLS.get(name, 0)] if isinstance(arg, ast.Constant)]
        texts = [value for value in constants if isinstance(value, str)]
        if texts and len(texts) == CALLS[name]:
            yield texts[0], texts[1] if len(texts) == 2 else ""


def messages_in_template(path: Path) -> Iterator[MessageForms]:
    source = path.read_text()
    template = Template(source, engine=Engine.get_default())
    for node in template.nodelist.get_nodes_by_type(Node):
        if isinstance(node, TranslateNode) and isinstance(getattr(node.filter_expression.var, "literal", None), str):
            yield node.filter_expression.var.literal, ""
        elif isinstance(node, BlockTranslateNode):
            singular = node.render_token_list(node.singular)[0]
            plural = node.render_token_list(node.plural)[0] if node.plural else ""
            yield (singular, plural) if not node.trimmed else (trim_lines(singular), trim_lines(plural))
    for _quote, literal in re.findall(r"""\b_\((["'])(.+?)\1\)""", source):
        yield literal, ""


def trim_lines(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


def update_catalog() -> polib.POFile:
    """Rewrite the .po with the strings of the code, in the order of the files, keeping the translations."""
    old = {(entry.msgid, entry.msgid_plural): entry for entry in load_catalog()}
    catalogue = polib.POFile(wrapwidth=110)
    catalogue.metadata = {
        "Language": "es",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    for (one, several), files in collect_messages().items():
        before = old.get((one, several))
        entry = polib.POEntry(msgid=one, msgid_plural=several, occurrences=[(file, "") for file in files])
        if several:
            entry.msgstr_plural = before.msgstr_plural if before else {0: "", 1: ""}
        else:
            entry.msgstr = before.msgstr if before else ""
        if re.search(r"%\(\w+\)|%[sd]", one + several):
            entry.flags = ["python-format"]
        catalogue.append(entry)
    po_path().parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(po_path()))
    return catalogue


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
    entries = {(entry.msgid, entry.msgid_plural): entry for entry in load_catalog()}
    now = set(collect_messages())
    lines = [f"missing: {one!r}" for one, several in now - set(entries)]
    lines += [f"no longer said: {one!r}" for one, several in set(entries) - now]
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
