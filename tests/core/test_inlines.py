from collections.abc import Iterator

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin

from imagine.core.admin.inlines import BoundedInline

OUR_APPS = ("imagine.", "partners.", "summit.")


def subclasses(parent: type) -> Iterator[type]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_inline_bounds_its_rows():
    """Django's own limit is 2,000 forms, which take most of a minute."""
    admin.autodiscover()
    inlines = [inline for inline in subclasses(InlineModelAdmin) if inline.__module__.startswith(OUR_APPS)]
    assert len(inlines) > 2
    assert [inline.__qualname__ for inline in inlines if not issubclass(inline, BoundedInline)] == []
