"""The public directory of partners and each partner's own page. Search engines may index every URL."""

import re
from datetime import datetime

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import condition, require_safe

from imagine.core.page_cache import render_cached
from partners.directory import presenters as directory_presenters
from partners.directory import queries as directory_queries
from partners.directory.queries import MAX_LENGTH_SEARCH, DirectoryQuery
from partners.forms.directory import SearchForm
from partners.models import Logo, Organization, Sector

LOGO_MINUTES = 10  # that browsers and other sites may cache a logo


@require_safe
def partners(request: HttpRequest) -> HttpResponse:
    """Show the directory. Redirect to the first page if the page number is invalid, and to the last page if it is too
    high."""
    version = directory_queries.directory_version()
    query = query_from_request(request, version)
    last = directory_presenters.last_page(version, query)
    query = query.replace(page=page_number(request, last))
    if request.GET.get("page", "") != (str(query.page) if query.page > 1 else ""):
        return redirect(query.url())

    def page() -> dict:
        page = directory_presenters.directory_page(version, query)
        return page | {"search_form": SearchForm(query.parameters, page.get("promise_types", []))}

    if query.words:  # not cached, because searches rarely repeat
        return render(request, "partners/partners.html", page())
    return render_cached(request, "partners/partners.html", page, facts=(version, query))


def query_from_request(request: HttpRequest, version: tuple) -> DirectoryQuery:
    """Return the query in the URL. Raise Http404 if the year, sector or promise type is unknown."""
    year, sector, promise_type = (request.GET.get(name, "") for name in ("year", "sector", "kind"))
    newest = directory_queries.newest_year(version)
    years = {str(pk): pk for pk in directory_queries.directory_years(version)} | {"": newest}
    promise_types = {"", *(row.code for row in directory_queries.promise_types(version).values())}
    if year not in years or sector not in {"", *Sector.values} or promise_type not in promise_types:
        raise Http404
    words = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:MAX_LENGTH_SEARCH].strip()
    return DirectoryQuery(years[year], newest, sector, promise_type, words)


def page_number(request: HttpRequest, last: int) -> int:
    typed = request.GET.get("page", "")
    return min(int(typed), last) if re.fullmatch("[1-9][0-9]{0,8}", typed) else 1


@require_safe
def partner(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a partner and its signed promises. The slug of an organization that was merged into it redirects here."""
    version = directory_queries.directory_version()

    def page() -> dict:
        return directory_presenters.partner_page(
            directory_queries.listed_partners().get(slug=slug), directory_queries.promise_types(version)
        )

    try:
        return render_cached(request, "partners/partner.html", page, facts=version)
    except Organization.DoesNotExist:
        return redirect(get_object_or_404(directory_queries.listed_partners(), slug_redirects__slug=slug))


def logos(slug: str) -> QuerySet[Logo]:
    return Logo.objects.filter(
        organization__in=directory_queries.listed_partners().values("pk"), organization__slug=slug
    )


def logo_changed(request: HttpRequest, slug: str) -> datetime | None:
    return logos(slug).values_list("changed_at", flat=True).first()


@require_safe
@condition(last_modified_func=logo_changed)
def partner_logo(request: HttpRequest, slug: str) -> HttpResponse:
    """Return a partner's logo, for link previews on other sites."""
    logo = get_object_or_404(logos(slug))
    headers = {"Cache-Control": f"public, max-age={LOGO_MINUTES * 60}"}
    return HttpResponse(bytes(logo.png), "image/png", headers=headers)
