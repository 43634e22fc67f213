"""Which part of the code may depend on which, and who writes seats, read from the source (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[1]

# Each part and its allowed dependencies. "project" is imagine/ itself and the templates that belong to no app.
ALLOWED_DEPENDENCIES = {
    "core": set(),
    "mail": {"core"},
    "accounts": {"core", "mail"},
    "partners": {"core", "mail"},
    "summit": {"core", "mail", "partners"},
    "privacy": {"core", "mail", "accounts", "partners", "summit"},
    "access": {"core", "mail", "accounts", "partners", "summit", "privacy"},
    "office": {"core", "mail", "accounts", "partners", "summit", "privacy"},
    "demo": {"core", "mail", "accounts", "partners", "summit", "privacy", "access", "office", "project"},
    "project": {"core", "mail", "accounts", "partners", "summit", "privacy", "access", "office", "demo"},
}
CODE = {
    "core": "imagine/core",
    "mail": "imagine/mail",
    "accounts": "imagine/accounts",
    "partners": "partners",
    "summit": "summit",
    "privacy": "imagine/privacy",
    "access": "imagine/access",
    "office": "imagine/office",
    "demo": "imagine/demo",
}
TEMPLATES = {
    "core": ["core", "fields", "bootstrap5", "admin/core"],
    "mail": ["mail", "admin/mail"],
    "accounts": ["accounts", "admin/accounts", "mail/accounts"],
    "partners": ["partners", "admin/partners", "mail/partners"],
    "summit": ["summit", "admin/summit", "mail/summit"],
    "privacy": ["admin/privacy"],
    "office": ["admin/office"],
}
# Inside an app: a layer may be imported by itself and those after it. What is in none of them is a rule.
LAYERS = {
    "models": {"models", "relations"},
    "rules": set(),
    "forms": {"forms"},
    "the rest": {"views", "admin", "urls", "tasks", "templatetags", "management"},
}
# These save memory in web workers.
LAZY_IMPORTS = (
    "openpyxl",
    "imagine.core.spreadsheets.package",
    "segno",
    "imagine.accounts.passkeys",
    "imagine.accounts.single_sign_on",
)
NAMES_URL = {"reverse", "reverse_lazy", "redirect", "resolve_url"}  # functions
NAMES_APP = {"get_model", "get_app_config", "get_containing_app_config"}
TEMPLATE_PATH = re.compile(r"[\w/]+\.(?:html|txt|css)|mail/[\w/]+")
URL_TAG = re.compile(r"""\{% url\s+["']([\w:]+)["']""")
TEMPLATE_NAME = re.compile(r"""["']([\w/.]+\.(?:html|txt|css))["']""")
LOAD_TAG = re.compile(r"\{% load\s+(?:[\w\s]+\sfrom\s+)?([\w\s]+?)\s*%\}")
PERMISSION = re.compile(r"\bperms\.(\w+)")
SEATS = {"held_seats", "waitlisted_seats", "waitlisted_since", "overbooked_seats"}
WRITERS = {"update", "create", "bulk_create", "get_or_create", "update_or_create", "Rsvp"}

Use = tuple[str, str | None]  # what a file names, and the part that it belongs to


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


@cache
def code() -> list[tuple[str, Path, ast.AST]]:
    paths = [path for folder in ("imagine", "partners", "summit") for path in sources(folder)]
    return [(part_of(path), path.relative_to(ROOT), ast.parse(path.read_text())) for path in paths]


def may_depend_on(part: str, other: str | None) -> bool:
    return other is None or other == part or other in ALLOWED_DEPENDENCIES[part]


# Which part a name belongs to --------------------------------------------------------------------------------------


def part_of(path: Path) -> str:
    """Return the part of the code that a file belongs to."""
    name = path.relative_to(ROOT).as_posix()
    return next((part for part, folder in CODE.items() if name.startswith(f"{folder}/")), "project")


def part_of_module(dotted: str) -> str | None:
    """Return the part that a dotted name belongs to, or None for third-party packages."""
    if dotted.partition(".")[0] not in {"imagine", "partners", "summit"}:
        return None
    module = dotted.replace(".", "/") + "/"
    return next((part for part, folder in CODE.items() if module.startswith(f"{folder}/")), "project")


def part_of_label(label: str) -> str | None:
    """The part that the app with this label is; None for other people's apps."""
    return part_of_module(apps.get_app_config(label).name) if label in apps.app_configs else None


def part_of_dotted(text: str) -> str | None:
    """The part of a dotted path, or of a permission or model, such as summit.view_event."""
    return part_of_module(text) or part_of_label(text.partition(".")[0])


def part_of_template(name: str) -> str:
    """Return the part that a template's path belongs to; the longest folder wins."""
    folders = {folder: part for part, folders in TEMPLATES.items() for folder in folders}
    found = [folder for folder in folders if name.startswith(f"{folder}/")]
    return folders[max(found, key=len)] if found else "project"


@cache
def url_names() -> dict[str, str]:
    """Return the part that defines each URL name."""
    return {
        node.value.value: part
        for part, path, tree in code()
        if path.name == "urls.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "name" and isinstance(node.value, ast.Constant)
    }


def part_of_url(name: str) -> str | None:
    """The project's own URLs, such as the home page, are there for all."""
    if name.startswith("admin:"):
        return part_of_label(name.removeprefix("admin:").partition("_")[0])
    part = url_names().get(name)
    return None if part == "project" else part


@cache
def libraries() -> dict[str, str]:
    """The part that defines each library of template tags."""
    return {path.stem: part for part, path, _tree in code() if path.parent.name == "templatetags"}


# What a file names -------------------------------------------------------------------------------------------------


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def strings(tree: ast.AST) -> Iterator[str]:
    """Return the string constants of a file that aren't docstrings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield "".join(part.value if isinstance(part, ast.Constant) else "_" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def arguments(tree: ast.AST, functions: set[str], keywords: set[str]) -> Iterator[str]:
    """The strings that are the first argument of these functions, or have one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in functions:
            yield from (text for argument in node.args[:1] for text in strings(argument))
        elif (isinstance(node, ast.keyword) and node.arg in keywords) or (
            isinstance(node, ast.Assign) and keywords & {getattr(target, "id", "") for target in node.targets}
        ):
            yield from strings(node.value)


def uses_of_code(tree: ast.AST) -> Iterator[Use]:
    """Dotted paths (tasks, functions), permissions, models, templates and URL names in strings."""
    for text in strings(tree):
        if re.fullmatch(r"\w+(\.\w+)+", text):
            yield text, part_of_dotted(text)
        if re.fullmatch(r"admin:\w+", text):
            yield text, part_of_url(text)
        if TEMPLATE_PATH.fullmatch(text):
            yield from uses_of_template(text)
    for name in arguments(tree, NAMES_URL, {"pattern_name", "viewname", "url_name"}):
        yield name, part_of_url(name)
    for label in arguments(tree, NAMES_APP, {"app_label", "content_type__app_label"}):
        yield label, part_of_label(label)


def uses_of_markup(text: str) -> Iterator[Use]:
    """URL names, other templates, libraries and permissions in a template."""
    yield from ((name, part_of_url(name)) for name in URL_TAG.findall(text))
    yield from ((label, part_of_label(label)) for label in PERMISSION.findall(text))
    yield from ((name, libraries().get(name)) for names in LOAD_TAG.findall(text) for name in names.split())
    for name in TEMPLATE_NAME.findall(text):
        yield from uses_of_template(name)


def uses_of_template(name: str) -> Iterator[Use]:
    """What a template named by another file brings along. The project's own pages, such as base.html, are there for
    all and may link anywhere. Its partials may only link where the template that includes them may."""
    path = ROOT / "templates" / name
    if part_of_template(name) != "project":
        yield name, part_of_template(name)
    elif path.name.startswith("_") and path.exists():  # an f-string names none that exists
        yield from ((f"{name}: {use}", part) for use, part in uses_of_markup(path.read_text()))


def layer_of(dotted: str) -> int:
    """The layer of a module in its app."""
    inside = dotted.removeprefix(CODE[part_of_module(dotted)].replace("/", ".")).lstrip(".").partition(".")[0]
    return next((n for n, names in enumerate(LAYERS.values()) if inside in names), list(LAYERS).index("rules"))


def imports_of_later_layers(module: str, tree: ast.AST) -> list[str]:
    part = part_of_module(module)
    return [
        f"{module} imports {name}"
        for name in imported(tree)
        if part_of_module(name) == part and layer_of(name) > layer_of(module)
    ]


# Tests -------------------------------------------------------------------------------------------------------------


def test_imports_follow_the_allowed_dependencies():
    wrong = [
        f"{path} imports {name}"
        for part, path, tree in code()
        for name in imported(tree)
        if not may_depend_on(part, part_of_module(name))
    ]
    assert wrong == []


def test_names_in_strings_and_templates_follow_the_allowed_dependencies():
    wrong = [
        f"{path} names {use}"
        for part, path, tree in code()
        for use, other in uses_of_code(tree)
        if not may_depend_on(part, other)
    ]
    for template in sorted((ROOT / "templates").rglob("*.*")):
        name = template.relative_to(ROOT / "templates").as_posix()
        uses = uses_of_markup(template.read_text())
        wrong += [f"{name} names {use}" for use, other in uses if not may_depend_on(part_of_template(name), other)]
    assert wrong == []


def test_imports_are_absolute():
    relative = [
        f"{path}:{node.lineno}"
        for _part, path, tree in code()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize(
    "text",
    [
        "reverse('event', args=[slug])",
        'reverse_lazy("event")',
        "redirect('event' if slug else 'landing')",
        "resolve_url('event')",
        "RedirectView.as_view(pattern_name='event')",
        "class Page(RedirectView):\n    pattern_name = 'event'",
        "reverse(f'admin:summit_{model}_change')",
        "url = 'admin:summit_event_changelist'",
        "send_task('summit.tasks.send_reminders')",
        "user.has_perm('summit.view_event')",
        "user.has_perm(f'summit.{action}_event')",
        "ForeignKey('summit.Event', CASCADE)",
        "apps.get_model('summit', 'Event')",
        "ContentType.objects.filter(app_label='summit')",
        "render(request, 'summit/event.html')",
        "render(request, f'summit/{page}.html')",
        "render_email(f'summit/{kind}', facts, words, layout='mail/summit/layout')",
        "render_to_string('_footer.html')",
    ],
)
def test_each_way_to_name_another_part_in_code_is_detected(text):
    assert "summit" in {part for _use, part in uses_of_code(ast.parse(text))}


@pytest.mark.parametrize(
    "text",
    [
        """{% url "event" slug %}""",
        """{% url 'event' slug as link %}""",
        """{% url 'admin:summit_event_changelist' %}""",
        """{% include "summit/_event.html" with event=event %}""",
        """{% include 'summit/_event.html' %}""",
        """{% extends 'mail/summit/layout.html' %}""",
        """{% include "_page.html" with sidebar="summit/_sidebar.html" %}""",
        """{% load i18n event_text %}""",
        """{% load long_date hours from event_text %}""",
        """{% if perms.summit.view_event %}""",
        """{% include "_footer.html" %}""",
    ],
)
def test_each_way_to_name_another_part_in_a_template_is_detected(text):
    assert "summit" in {part for _use, part in uses_of_markup(text)}


@pytest.mark.parametrize("part", ["core", "mail", "accounts", "partners", "summit", "privacy"])
def test_permissions_of_each_app_are_detected(part):
    assert (f"{part}.view_rows", part) in uses_of_code(ast.parse(f"has_perm('{part}.view_rows')"))


def test_layers_import_only_earlier_ones():
    """Models are imported by rules, rules by forms, forms by views, the admin, tasks and commands."""
    wrong = [
        line
        for part, path, tree in code()
        if part not in {"demo", "project"}
        for line in imports_of_later_layers(".".join(path.with_suffix("").parts), tree)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("summit.models.rsvps", "from summit import seats"),
        ("summit.seats", "from summit.forms import RsvpForm"),
        ("summit.seats", "import summit.views.rsvp"),
        ("summit.invitations.links", "from summit import tasks"),
        ("imagine.mail.forms", "from imagine.mail.admin import messages"),
    ],
)
def test_each_import_of_a_later_layer_is_detected(module, text):
    assert imports_of_later_layers(module, ast.parse(text)) != []


def test_imports_stand_at_the_top():
    wrong = [
        f"{path}:{node.lineno}: an import inside"
        for part, path, tree in code()
        if part not in {"demo", "project"}
        if path.name != "apps.py"  # its ready() connects receivers, which import models
        for top in tree.body
        if not isinstance(top, ast.Import | ast.ImportFrom)
        for node in ast.walk(top)
        if isinstance(node, ast.Import | ast.ImportFrom)
        if not any(name.startswith(LAZY_IMPORTS) for name in imported(node))
    ]
    assert wrong == []


def written_seats(tree: ast.AST) -> set[str]:
    """Return the seat fields that a file assigns, sets with setattr, or passes to a function that writes rows."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.attr)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in WRITERS:
                found |= {keyword.arg for keyword in node.keywords}
            if name in {"setattr", "bulk_update"}:
                found |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    return found & SEATS


def test_only_the_seats_module_writes_seats():
    writers = {path.as_posix(): written_seats(tree) for _part, path, tree in code() if written_seats(tree)}
    assert writers == {"summit/seats.py": SEATS}


def test_each_way_to_write_seats_is_detected():
    for text in (
        "rsvp.held_seats = 1",
        "rsvp.held_seats += 1",
        "q.update(held_seats=1)",
        "Rsvp(held_seats=1)",
        "setattr(rsvp, 'held_seats', 1)",
        "Rsvp.objects.bulk_update(rows, ['held_seats'])",
    ):
        assert written_seats(ast.parse(text)) == {"held_seats"}, text
    assert written_seats(ast.parse("print(rsvp.held_seats); q.filter(held_seats=1)")) == set()
