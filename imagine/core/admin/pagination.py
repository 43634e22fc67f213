"""Pagination of a long table inside an admin page."""

from django.core.paginator import Page, Paginator
from django.http import HttpRequest


def page_with_links(request: HttpRequest, name: str, pages: Paginator) -> Page:
    """Return the requested page, with links to the pages `before` and `after` it."""
    page = pages.get_page(request.GET.get(name))
    for beside, is_there, number in (("before", page.has_previous(), -1), ("after", page.has_next(), 1)):
        query = request.GET.copy()
        query[name] = page.number + number
        setattr(page, beside, f"?{query.urlencode()}" if is_there else "")
    return page
