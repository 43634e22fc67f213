from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

ON_BOTH_HOSTS = (settings.STATIC_URL, "/imagine/language/", "/imagine/health/")


def keep_admin_on_its_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """With ADMIN_URL_HOST, answer the admin's URLs on that host alone, and lead from there to the public pages.

    Then no script on a public page, nor on the district's own pages beside it, is of the admin's origin.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not settings.ADMIN_URL_HOST:
            return get_response(request)
        is_admin = f"{request.path_info}/".startswith(settings.ADMIN_PATH)  # CommonMiddleware appends the slash
        is_admin_host = request.get_host().partition(":")[0] == settings.ADMIN_URL_HOST
        if is_admin and not is_admin_host:
            raise Http404
        if is_admin_host and not is_admin and not request.path_info.startswith(ON_BOTH_HOSTS):
            if request.method not in {"GET", "HEAD"}:
                raise Http404
            start = settings.ADMIN_PATH if request.path_info == "/" else settings.SITE_URL + request.get_full_path()
            return HttpResponseRedirect(start)
        return get_response(request)

    return middleware
