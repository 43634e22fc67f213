"""The cells of the admin's lists, for a phone: there, each row is a card with the columns' names beside the values."""

from collections.abc import Iterable, Iterator

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.filter
def labeled_by(cells: Iterable[SafeString], headers: Iterable[dict]) -> Iterator[SafeString]:
    """Give each cell of a row, which Django renders and escapes, its column's name, and mark those without a value."""
    for cell, header in zip(cells, headers, strict=False):
        tag, rest = mark_safe(cell[:3]), mark_safe(cell[3:])  # noqa: S308  # nosec B308 B703
        if "action-checkbox" in header.get("class_attrib", ""):
            yield cell
        elif rest.endswith(">-</td>"):
            yield format_html("{} data-empty{}", tag, rest)
        else:
            yield format_html('{} data-label="{}"{}', tag, capfirst(header["text"]), rest)
