"""What documents and docstrings mention exists: pictures, links, paths, modules, make targets, commands, exceptions."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django import db
from django.apps import apps
from django.core import exceptions as core_exceptions
from django.core.management import get_commands
from django.db import models

from imagine.access import roles

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LABEL = re.compile(r"(?<!\*)\*([^*\s][^*]*)\*(?!\*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"```.*?```", re.DOTALL)
# Paths that start with one of these folders must exist; the demo creates var/.
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"var"}
FILES = {
    path.name
    for path in ROOT.rglob("*")
    if path.is_file() and not {".venv", ".git", "node_modules", "var"} & set(path.relative_to(ROOT).parts)
}
EXTENSIONS = r"\.(?:py|md|html|txt|css|js|csv|po|yml|toml|conf|typ)"


def code_spans() -> Iterator[tuple[str, str]]:
    """Return the name of each document with each of its code spans."""
    for document in DOCUMENTS:
        for span in CODE_SPAN.findall(FENCED.sub("", document.read_text())):
            yield document.name, span


def exists(path: str) -> bool:
    """Return whether a path of the project exists; <name> and * match anything."""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    return (ROOT / pattern).exists() or any(ROOT.glob(pattern))


def is_module(dotted: str) -> bool:
    """Return whether a dotted name is one of our modules or a name defined in one."""
    path, *names = dotted.replace(".", "/"), dotted.rpartition(".")[2]
    if (ROOT / path).is_dir() or (ROOT / f"{path}.py").is_file():
        return True
    parent = ROOT / path.rpartition("/")[0]
    source = next((file for file in (parent.with_suffix(".py"), parent / "__init__.py") if file.is_file()), None)
    return source is not None and names[0] in defined(source)


def defined(source: Path) -> set[str]:
    """Return the names that a module defines at its top level."""
    names = set()
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes from a document's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_picture_is_shown_in_a_document_and_made_by_pictures_py():
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    used_pictures = {
        Path(name).stem for page in documents for name in re.findall(r"\(([\w/.-]+)\.png\)", page.read_text())
    }
    program = (ROOT / "docs" / "pictures.py").read_text()
    assert used_pictures == {picture.stem for picture in (ROOT / "docs").glob("*.png")}
    assert [
        name for name in used_pictures if f'"{name.removeprefix("guide-")}"' not in program.replace('"guide-', '"')
    ] == []


def labels_in(markdown: str) -> set[str]:
    """Return the names of buttons, links and fields, which are in italics."""
    return {" ".join(label.split()) for label in LABEL.findall(CODE_SPAN.sub("", FENCED.sub("", markdown)))}


def known_labels() -> set[str]:
    """Return what pages say, in lower case, with Django's buttons and the names of our roles."""
    catalog = polib.pofile(str(ROOT / "locale" / "es" / "LC_MESSAGES" / "django.po"))
    messages = {words for entry in catalog for words in (entry.msgid, entry.msgid_plural)}
    buttons = {"Go", *(f"Add {model._meta.verbose_name}" for model in apps.get_models())}
    names_of_roles = {roles.COMMUNITY_RELATIONS, roles.VIEWER, roles.CHECK_IN_DESK}
    return {str(words).lower() for words in messages | buttons | names_of_roles}


@pytest.mark.parametrize("name", ["README.md", "docs/staff-guide.md"])
def test_buttons_and_fields_exist(name):
    labels = labels_in((ROOT / name).read_text())
    assert len(labels) > 5
    assert sorted(label for label in labels if label.lower() not in known_labels()) == []


def test_label_in_italics_is_found():
    assert labels_in("Press *Save\n  and go*, **not** `*this*`, 2 * 3 * 4.") == {"Save and go"}


def test_relative_links_work():
    broken = []
    for document in [*DOCUMENTS, ROOT / "CHANGELOG.md"]:
        for link in LINK.findall(FENCED.sub("", document.read_text())):
            target, _hash, anchor = link.partition("#")
            page = document.parent / target if target else document
            if "://" in link or link.startswith("mailto:"):
                continue
            if not page.exists() or (anchor and anchor not in anchors(page)):
                broken.append(f"{document.name}: {link}")
    assert broken == []


def test_paths_exist():
    missing = []
    for document, span in code_spans():
        for path in re.findall(r"(?<![\w/.-])[\w.-]+/[\w/.<>*-]*", span):
            if path.partition("/")[0] in FOLDERS and not exists(path):
                missing.append(f"{document}: {path}")
        if re.fullmatch(rf"[\w.-]+{EXTENSIONS}", span) and span not in FILES:
            missing.append(f"{document}: {span}")
    assert missing == []


@pytest.mark.slow
def test_tests_exist():
    missing, found = [], 0
    for document, span in code_spans():
        if match := re.fullmatch(r"(tests/[\w/]+\.py)::(\w+)", span):
            found += 1
            path = ROOT / match[1]
            if not path.is_file() or match[2] not in defined(path) or not match[2].startswith("test_"):
                missing.append(f"{document}: {span}")
    assert found > 100
    assert missing == []


def test_each_security_claim_has_code_and_a_test():
    text = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    names = [name for name, *_rest in rows]
    assert len(set(names)) == len(names) > 50
    assert [name for name, _promise, _code, tests in rows if "::test_" not in tests] == []
    assert sorted(set(re.findall(r"\b[LPSRADBNFEO]\d+\b", text)) - set(names)) == []
    findings = re.findall(r"^\| (\d+)\. .+ \| (.+) \|$", text, re.MULTILINE)
    assert [int(number) for number, _now in findings] == list(range(1, 21))
    assert [number for number, now in findings if not re.search(r"\b[A-Z]\d+\b", now)] == []


def test_modules_exist():
    named = [(document, span) for document, span in code_spans() if re.match(r"(imagine|partners|summit)\.", span)]
    assert [f"{document}: {span}" for document, span in named if not is_module(span)] == []


def test_make_targets_exist():
    targets = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = set()
    for document in [*DOCUMENTS, ROOT / "CHANGELOG.md"]:
        code = re.findall(r"`[^`]+`|```.*?```", document.read_text(), re.DOTALL)
        for span in code:
            found = re.findall(r"(?:^|[`\s])make ([a-z-]+)", span)
            missing |= {f"{document.name}: make {target}" for target in found if target not in targets}
    assert missing == set()


def test_management_commands_exist():
    commands = set(get_commands())
    missing = {
        f"{document.name}: manage.py {command}"
        for document in [*DOCUMENTS, ROOT / "CHANGELOG.md"]
        for command in re.findall(r"manage\.py\s+([a-z_]+)", document.read_text())
        if command not in commands
    }
    assert missing == set()


@pytest.mark.slow
def test_docstrings_name_exceptions_that_exist():
    modules = [path for app in ("imagine", "partners", "summit") for path in sorted((ROOT / app).rglob("*.py"))]
    known_names = {"DoesNotExist", *vars(builtins), *vars(core_exceptions), *vars(models), *vars(db)}
    docstrings = []
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom):
                known_names |= {alias.asname or alias.name for alias in node.names}
            if isinstance(node, ast.ClassDef):
                known_names.add(node.name)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                docstrings.append((module.relative_to(ROOT), ast.get_docstring(node)))
    unknown = [
        f"{module}: {name}"
        for module, docstring in docstrings
        for sentence in re.findall(r"\b[Rr]aises? ([^.;:]*)", docstring)
        for name in re.findall(r"\b[A-Z][a-z]\w*", sentence)
        if name not in known_names
    ]
    assert unknown == []
