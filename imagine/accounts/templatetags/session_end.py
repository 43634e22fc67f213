"""The warning before a session ends, on every staff page."""

from django import template

register = template.Library()


@register.inclusion_tag("accounts/_session_end.html", takes_context=True)
def session_end_warning(context: dict) -> dict:
    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return {}
    return {"seconds": request.session.get_expiry_age(), "user": request.user.pk, "path": request.path}
