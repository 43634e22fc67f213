"""What the design says about who may know and write what, read from the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SEATS = {"held_seats", "waiting_seats", "waiting_since", "seats_over"}
WRITERS = {"update", "create", "bulk_create", "get_or_create", "update_or_create", "Rsvp"}


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """The first names of what a file imports, at its top or anywhere else."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


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


@pytest.mark.parametrize("path", sources("imagine"), ids=name_of)
def test_the_project_knows_nothing_of_the_domain(path):
    if "demo" not in path.parts and "commands" not in path.parts:
        assert not {"summit", "partners"} & imports(path)
    assert "tests" not in imports(path)


@pytest.mark.parametrize("path", sources("partners"), ids=name_of)
def test_partners_know_nothing_of_the_summit(path):
    """A pledge needs no seat."""
    assert not {"summit", "tests"} & imports(path)


@pytest.mark.parametrize("path", sources("summit"), ids=name_of)
def test_the_summit_imports_one_way(path):
    """Models, then what is written with them, then the rules, then whoever calls the rules."""
    assert "tests" not in imports(path)
    order = ["models", "calendars", "words", "letters", "invitation_letters", "reminder_times", "reminder_letters"]
    order += ["told", "notice_letters", "notices", "seats"]
    if path.stem in order:
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        taken = {alias.name for node in nodes if node.module == "summit" for alias in node.names}
        taken |= {node.module.partition(".")[2] for node in nodes if node.module.startswith("summit.")}
        assert taken <= {*order[: order.index(path.stem)], "templatetags.wording"}


@pytest.mark.parametrize("path", [*sources("imagine"), *sources("partners"), *sources("summit")], ids=name_of)
def test_seats_alone_writes_seats(path):
    written = written_seats(ast.parse(path.read_text()))
    assert written == (SEATS if path == ROOT / "summit" / "seats.py" else set())


def test_the_test_above_sees_each_way_to_write():
    for code in (
        "rsvp.held_seats = 1",
        "rsvp.held_seats += 1",
        "q.update(held_seats=1)",
        "Rsvp(held_seats=1)",
        "setattr(rsvp, 'held_seats', 1)",
        "Rsvp.objects.bulk_update(rows, ['held_seats'])",
    ):
        assert written_seats(ast.parse(code)) == {"held_seats"}, code
    assert written_seats(ast.parse("print(rsvp.held_seats); q.filter(held_seats=1)")) == set()
