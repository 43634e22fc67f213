"""The page that shows an audience before it is invited."""

from typing import TYPE_CHECKING

from benchmarks.stack import Stack
from benchmarks.table import Figure

if TYPE_CHECKING:
    from benchmarks.scenarios import Size


def preview(stack: Stack, size: "Size") -> list[Figure]:
    """The page that shows whom an audience invites, whom it leaves out and why: all contacts, of whom some said no."""
    many = size.of(10_000)
    stack.product  # noqa: B018  its tables are needed
    milliseconds, queries = map(float, stack.run("product", "benchmarks.preview", str(many)).split())
    return [Figure("preview", [milliseconds], product=f"{milliseconds:.0f} ms, {queries:.0f} queries")]
