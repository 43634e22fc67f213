"""Download the certificate of a pledge with its personal link."""

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from imagine.core.views import personal_page
from partners import certificates
from partners.models import Signature
from partners.pledges import page_state


@require_safe
@personal_page
def certificate(request: HttpRequest, token: str) -> HttpResponse:
    """Return the certificate of the last signed version in ?language or the reader's language, of ?year or the newest
    year. The file name doesn't identify the organization."""
    signature = last_signature(token, request.GET.get("year", ""))
    language = request.GET.get("language")
    if language not in dict(settings.LANGUAGES):
        language = get_language()
    response = HttpResponse(certificates.certificate_pdf(signature, language), content_type="application/pdf")
    year = signature.pledge.school_years.replace("–", "-")
    response.headers["Content-Disposition"] = f'inline; filename="imagine-promise-{year}-{language}.pdf"'
    return response


def last_signature(token: str, year: str) -> Signature:
    """Return the last signed version of the link's organization, or of its pledge for `year`. Raise LinkNotFound, or
    Http404 if there is none."""
    organization = page_state.load_page_state(token).organization
    signatures = Signature.objects.select_related("pledge").filter(pledge__organization=organization)
    if year:
        signatures = signatures.filter(pledge__year=year if re.fullmatch("[0-9]{4}", year) else None)
    signature = signatures.order_by("-pledge__year_id", "-number").first()
    if signature is None:
        raise Http404
    return signature
