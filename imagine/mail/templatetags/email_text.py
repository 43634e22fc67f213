"""A paragraph of a mail whose words staff wrote, as HTML."""

from django import template
from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString, mark_safe

from imagine.mail.rendering import place

register = template.Library()

LINK = '<a href="{0}" style="color:#17636f;">{0}</a>'


@register.filter
def with_link(paragraph: str) -> SafeString:
    """Escaped, its lines kept, and where {link} stands a link."""
    html = linebreaksbr(paragraph)
    return mark_safe(html.replace(place("link"), LINK.format(place("link"))))  # noqa: S308  linebreaksbr escapes
