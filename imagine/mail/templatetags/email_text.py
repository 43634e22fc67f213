"""Paragraphs of editable templates as HTML."""

from django import template
from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString, mark_safe

from imagine.mail.rendering import marker

register = template.Library()

LINK = '<a href="{0}" style="color:#17636f;">{0}</a>'


@register.filter
def with_link(paragraph: str) -> SafeString:
    """Escape a paragraph, keep its line breaks and turn {link} into a link."""
    html = linebreaksbr(paragraph)
    html = html.replace(marker("link"), LINK.format(marker("link")))
    return mark_safe(html)  # noqa: S308  # nosec B308 B703  # linebreaksbr escapes
