"""Pages of a long table that is part of another page."""

from django.core.paginator import Page, Paginator
from django.http import HttpRequest


def turned(request: HttpRequest, name: str, pages: Paginator) -> Page:
    """The page that the address asks for, which knows the addresses of those beside it."""
    page = pages.get_page(request.GET.get(name))
    for beside, is_there, number in (("before", page.has_previous(), -1), ("after", page.has_next(), 1)):
        query = request.GET.copy()
        query[name] = page.number + number
        setattr(page, beside, f"?{query.urlencode()}" if is_there else "")
    return page
