from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language


def district(request: HttpRequest) -> dict:
    spoken = get_language()
    return {
        "site_url": settings.SITE_URL,
        "reply_to": settings.MAIL_REPLY_TO,
        "page_path": request.path,
        "other_language": next((pair for pair in settings.LANGUAGES if pair[0] != spoken), None),
    }
