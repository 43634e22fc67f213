"""One name for one thing: what two modules define under one name is named too short in one of them."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Names that Django looks for, in as many modules as there are.
DJANGO = {"Command"}
# What is no rule of ours: servers that don't answer, files that can't be made, lookups that end early.
NOT_RULES = {
    "AttachmentFailed",
    "LostReply",
    "Missing",
    "NotAReport",
    "RealPeople",
    "RuleViolation",
    "ServerError",
    "Unanswered",
}


def defined_names(tree: ast.Module) -> set[str]:
    """The public functions and classes of a module. A receiver has the name of its signal, in each app."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    return {name for name in names if not name.startswith(("_", "on_"))} - DJANGO


@cache
def modules_of_code() -> dict[str, ast.Module]:
    paths = [path for folder in ("imagine", "partners", "summit") for path in sorted((ROOT / folder).rglob("*.py"))]
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
        for path in paths
        if "migrations" not in path.parts
    }


def test_no_two_modules_define_the_same_name():
    modules = defaultdict(list)
    for path, tree in modules_of_code().items():
        for name in defined_names(tree):
            modules[name].append(path)
    assert {name: paths for name, paths in modules.items() if len(paths) > 1} == {}


def test_errors_of_rules_derive_from_rule_violation():
    plain = {
        node.name
        for tree in modules_of_code().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Exception" in {getattr(base, "id", "") for base in node.bases}
    }
    assert plain == NOT_RULES


def test_functions_and_classes_of_a_module_are_found():
    source = "@decorated\ndef start(): ...\n\nclass Kind:\n    def inner(self): ...\n\ndef _private(): ...\n"
    assert defined_names(ast.parse(source)) == {"start", "Kind"}
