from django.contrib import admin

from imagine.core.admin.inlines import BoundedInline


def test_every_inline_bounds_its_rows():
    """Django's own bound is 2,000 forms, which take most of a minute."""
    inlines = {inline for page in admin.site._registry.values() for inline in page.inlines}
    assert len(inlines) > 2
    assert [inline.__qualname__ for inline in inlines if not issubclass(inline, BoundedInline)] == []
