"""Which part of the code may know which, and who writes seats: read from the source itself (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Each part and what it may know besides itself. "project" is imagine/ itself and the templates that belong to no app.
MAY_KNOW = {
    "core": set(),
    "mail": {"core"},
    "accounts": {"core", "mail"},
    "partners": {"core", "mail"},
    "summit": {"core", "mail", "partners"},
    "privacy": {"core", "mail", "accounts", "partners", "summit"},
    "access": {"core", "mail", "accounts", "partners", "summit", "privacy"},
    "demo": {"core", "mail", "accounts", "partners", "summit", "privacy", "access", "project"},
    "project": {"core", "mail", "accounts", "partners", "summit", "privacy", "access", "demo"},
}
CODE = {
    "core": "imagine/core",
    "mail": "imagine/mail",
    "accounts": "imagine/accounts",
    "partners": "partners",
    "summit": "summit",
    "privacy": "imagine/privacy",
    "access": "imagine/access",
    "demo": "imagine/demo",
}
TEMPLATES = {
    "core": ["core", "fields", "bootstrap5", "admin/core"],
    "mail": ["mail", "admin/mail"],
    "accounts": ["accounts", "admin/accounts", "mail/accounts"],
    "partners": ["partners", "admin/partners", "mail/partners"],
    "summit": ["summit", "admin/summit", "mail/summit"],
    "privacy": ["admin/privacy"],
}
# Inside an app: the first may be imported by all that follow, never the other way round.
LAYERS = [{"models", "relations"}, {"views", "admin", "urls", "tasks", "templatetags", "management"}]
# For the memory of web workers.
LOADED_WHEN_USED = (
    "openpyxl",
    "imagine.core.spreadsheets.package",
    "segno",
    "imagine.accounts.passkeys",
    "imagine.accounts.single_sign_on",
)
URL_NAME = re.compile(r"""(?:\breverse\(|\bredirect\(|\{% url )\s*["']([\w:]+)["']""")
TEMPLATE_TAG = re.compile(r"""\{% (?:include|extends) "([\w/.]+)\"""")
SEATS = {"held_seats", "waitlisted_seats", "waitlisted_since", "overbooked_seats"}
WRITERS = {"update", "create", "bulk_create", "get_or_create", "update_or_create", "Rsvp"}


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


@cache
def code() -> list[tuple[str, Path, ast.AST]]:
    paths = [path for folder in ("imagine", "partners", "summit") for path in sources(folder)]
    return [(part_of(path), path.relative_to(ROOT), ast.parse(path.read_text())) for path in paths]


def part_of(path: Path) -> str:
    """The part of the code that a file belongs to."""
    name = path.relative_to(ROOT).as_posix()
    return next((part for part, folder in CODE.items() if name.startswith(f"{folder}/")), "project")


def part_of_module(dotted: str) -> str | None:
    """The part that a dotted name lies in; None for other people's packages."""
    if dotted.partition(".")[0] not in {"imagine", "partners", "summit"}:
        return None
    module = dotted.replace(".", "/") + "/"
    return next((part for part, folder in CODE.items() if module.startswith(f"{folder}/")), "project")


def part_of_template(name: str) -> str:
    """The part that a template's path lies in; the longest folder wins."""
    found = [
        (len(folder), part) for part, folders in TEMPLATES.items() for folder in folders if name.startswith(folder)
    ]
    return max(found)[1] if found else "project"


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def strings(tree: ast.AST) -> Iterator[str]:
    """The string constants of a file that are not docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def url_names() -> dict[str, str]:
    """The part that defines each URL name."""
    found = {}
    for part, path, tree in code():
        if path.name == "urls.py":
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == "name" and isinstance(node.value, ast.Constant):
                    found[node.value.value] = part
    return found


def part_of_url(name: str, names: dict[str, str]) -> str | None:
    if name.startswith("admin:"):
        label = name.removeprefix("admin:").partition("_")[0]
        return label if label in MAY_KNOW else None
    part = names.get(name)
    return None if part == "project" else part


def may_know(part: str, other: str | None) -> bool:
    return other is None or other == part or other in MAY_KNOW[part]


def test_imports_follow_the_allowed_dependencies():
    wrong = [
        f"{path} imports {name}"
        for part, path, tree in code()
        for name in imported(tree)
        if not may_know(part, part_of_module(name))
    ]
    assert wrong == []


def test_names_in_strings_follow_the_allowed_dependencies():
    """Dotted paths (tasks, permissions, functions), templates and URL names reach no further than imports do."""
    names, wrong = url_names(), []
    for part, path, tree in code():
        for text in strings(tree):
            if re.fullmatch(r"(imagine|partners|summit)(\.\w+)+", text) and not may_know(part, part_of_module(text)):
                wrong.append(f"{path} names {text}")
            if re.fullmatch(r"[\w/]+\.(html|txt)", text) and not may_render(part, text):
                wrong.append(f"{path} renders {text}")
        for name in URL_NAME.findall((ROOT / path).read_text()):
            if not may_know(part, part_of_url(name, names)):
                wrong.append(f"{path} links to {name}")
    for template in sorted((ROOT / "templates").rglob("*.*")):
        name, text = template.relative_to(ROOT / "templates").as_posix(), template.read_text()
        part = part_of_template(name)
        wrong += [f"{name} links to {u}" for u in URL_NAME.findall(text) if not may_know(part, part_of_url(u, names))]
        wrong += [f"{name} includes {t}" for t in TEMPLATE_TAG.findall(text) if not may_render(part, t)]
    assert wrong == []


def may_render(part: str, name: str) -> bool:
    """The project's own templates, such as base.html, are there for all. They may link anywhere."""
    return part_of_template(name) == "project" or may_know(part, part_of_template(name))


def test_models_and_rules_do_not_import_views_or_admin():
    """Models are imported by rules, rules by views, the admin, tasks and commands; and all imports stand at the top."""
    wrong = []
    for part, path, tree in code():
        if part in {"demo", "project"}:
            continue
        inside = path.relative_to(CODE[part]).with_suffix("").parts[0]
        layer = 0 if inside in LAYERS[0] else 2 if inside in LAYERS[1] else 1
        for name in imported(tree):
            if part_of_module(name) != part:
                continue
            taken = name.removeprefix(CODE[part].replace("/", ".")).lstrip(".").partition(".")[0]
            if (taken in LAYERS[1] and layer < 2) or (layer == 0 and taken not in LAYERS[0]):
                wrong.append(f"{path} imports {name}")
        if path.name == "apps.py":  # its ready() connects receivers, which import models
            continue
        inner = [
            node for top in tree.body if not isinstance(top, ast.Import | ast.ImportFrom) for node in ast.walk(top)
        ]
        wrong += [
            f"{path}:{node.lineno}: an import inside"
            for node in inner
            if isinstance(node, ast.Import | ast.ImportFrom)
            if not any(name.startswith(LOADED_WHEN_USED) for name in imported(node))
        ]
    assert wrong == []


def written_seats(tree: ast.AST) -> set[str]:
    """Fields of seats that a file assigns, names to setattr, or hands to a function that writes rows."""
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
