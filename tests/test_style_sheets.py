"""Every class, ID and custom property in static/css is used by our pages, Django's admin, or Bootstrap."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parent.parent
SITE, ADMIN = ((ROOT / "static" / "css" / name).read_text() for name in ("site.css", "admin.css"))
BOOTSTRAP = Path(finders.find("bootstrap/css/bootstrap.min.css")).read_text()
DJANGO = "".join(path.read_text() for path in Path(finders.find("admin/css/base.css")).parent.rglob("*.css"))

PYTHON = [path for package in ("imagine", "partners", "summit") for path in (ROOT / package).rglob("*.py")]
TEMPLATES = list((ROOT / "templates").rglob("*.html"))
SCRIPTS = list((ROOT / "static" / "js").glob("*.js"))

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PRELUDE = re.compile(r"[^{};]+(?=\{)")
SELECTOR = re.compile(r"([.#])([a-zA-Z_][\w-]*)")
VARIABLE, TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL), re.compile(r"\{%.*?%\}", re.DOTALL)
ATTRIBUTE = re.compile(r"""\b(?:class|id)=(?:"([^"]*)"|'([^']*)')""")
STRING = re.compile(r"""["']([^"']*)["']""")
DEFINED, USED = re.compile(r"(--[\w-]+)\s*:"), re.compile(r"var\((--[\w-]+)")


def selectors(sheet: str) -> set[str]:
    """Return the classes (.name) and IDs (#name) in a style sheet's selectors."""
    preludes = PRELUDE.findall(COMMENT.sub("", sheet))
    return {"".join(found) for prelude in preludes for found in SELECTOR.findall(prelude)}


def names_on_pages() -> set[str]:
    """Return classes and IDs in templates' attributes, and words in strings of code and tags; `*` stands for a
    variable."""
    texts = []
    for path in TEMPLATES:
        source = VARIABLE.sub("*", path.read_text())
        texts += [string for tag in TAG.findall(source) for string in STRING.findall(tag)]
        texts += ["".join(found) for found in ATTRIBUTE.findall(TAG.sub(" ", source))]
    for path in (*PYTHON, *SCRIPTS):
        texts += [word for string in STRING.findall(path.read_text()) for word in string.split()]
    return {word.lstrip(".#") for text in texts for word in text.split()}


def names_of_the_admin() -> set[str]:
    """Return what Django derives from our models: body classes, classes of fields and columns, IDs of inputs."""
    names = {f".app-{config.label}" for config in apps.get_app_configs()}
    for model, model_admin in admin.site._registry.items():
        names.add(f".model-{model._meta.model_name}")
        fields = {field.name for field in model._meta.get_fields()} | set(model_admin.form.base_fields)
        fields |= {*model_admin.list_display, *model_admin.readonly_fields}
        fields |= set(flatten_fieldsets(model_admin.fieldsets or []))
        names |= {f"{prefix}{field}" for field in fields for prefix in (".field-", ".column-", "#id_")}
    return names


def unknown(sheet: str, known: set[str]) -> list[str]:
    names = names_on_pages()
    patterns = [name for name in names if "*" in name and name.strip("*")]
    return [
        selector
        for selector in sorted(selectors(sheet) - known)
        if selector[1:] not in names and not any(fnmatchcase(selector[1:], pattern) for pattern in patterns)
    ]


def test_selectors_match_something():
    assert unknown(SITE, set()) == []
    assert unknown(ADMIN, names_of_the_admin() | selectors(DJANGO)) == []


@pytest.mark.parametrize(("sheet", "library"), [(SITE, BOOTSTRAP), (ADMIN, DJANGO)], ids=["site", "admin"])
def test_custom_properties_are_defined_and_used(sheet, library):
    defined, used = set(DEFINED.findall(sheet)), set(USED.findall(sheet))
    assert used - defined - set(DEFINED.findall(library)) == set()
    assert defined - used - set(USED.findall(library)) == set()
