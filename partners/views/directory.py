"""The public wall: who promised what, and each partner's own page to share. Every address may be indexed."""

import re
from datetime import datetime

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import condition, require_safe

from imagine.core.page_cache import render_kept
from partners.directory import presenters as directory_presenters
from partners.directory import queries as directory_queries
from partners.directory.queries import MAX_LENGTH_SEARCH, DirectoryQuery
from partners.models import Logo, Organization, Sector

LOGO_MINUTES = 10  # that a browser or another site may keep a logo without asking again


@require_safe
def partners(request: HttpRequest) -> HttpResponse:
    """The wall, narrowed as its address says. A page number that is none leads to the address without it, one too high
    to the last page."""
    stamp = directory_queries.directory_version()
    asked = asked_for(request, stamp)
    last = directory_presenters.last_page(stamp, asked)
    asked = asked.but(page=page_number(request, last))
    if request.GET.get("page", "") != (str(asked.page) if asked.page > 1 else ""):
        return redirect(asked.address())

    def page() -> dict:
        return directory_presenters.directory_page(stamp, asked)

    if asked.words:  # as many as there are words
        return render(request, "partners/partners.html", page())
    return render_kept(request, "partners/partners.html", page, facts=(stamp, asked))


def asked_for(request: HttpRequest, stamp: tuple) -> DirectoryQuery:
    """What the address asks for, on its first page. Raises Http404 for a year, sector or kind that is not there."""
    year, sector, promise_type = (request.GET.get(name, "") for name in ("year", "sector", "kind"))
    newest = directory_queries.newest_year(stamp)
    years = {str(pk): pk for pk in directory_queries.directory_years(stamp)} | {"": newest}
    promise_types = {"", *(row.code for row in directory_queries.promise_types(stamp).values())}
    if year not in years or sector not in {"", *Sector.values} or promise_type not in promise_types:
        raise Http404
    words = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:MAX_LENGTH_SEARCH].strip()
    return DirectoryQuery(years[year], newest, sector, promise_type, words)


def page_number(request: HttpRequest, last: int) -> int:
    typed = request.GET.get("page", "")
    return min(int(typed), last) if re.fullmatch("[1-9][0-9]{0,8}", typed) else 1


@require_safe
def partner(request: HttpRequest, slug: str) -> HttpResponse:
    """One partner and all that it signed. The address of one that was merged into it leads there."""
    stamp = directory_queries.directory_version()

    def page() -> dict:
        return directory_presenters.partner_page(
            directory_queries.listed_partners().get(slug=slug), directory_queries.promise_types(stamp)
        )

    try:
        return render_kept(request, "partners/partner.html", page, facts=stamp)
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
    """A partner's logo, for the preview of its page on other sites."""
    logo = get_object_or_404(logos(slug))
    headers = {"Cache-Control": f"public, max-age={LOGO_MINUTES * 60}"}
    return HttpResponse(bytes(logo.png), "image/png", headers=headers)
