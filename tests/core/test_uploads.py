"""Which pages accept files, how much they read, and that all other pages accept only small forms."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from imagine.core import uploads
from imagine.core.models import RateLimitCount
from imagine.core.rate_limit import limit_posts
from imagine.urls import handler404, handler500, urlpatterns  # noqa: F401  the handlers are looked up here

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@uploads.takes_files(max_size=1_000_000)
def accepts_files(request):
    files = request.FILES.getlist("file")
    received = [f"{file.name} {file.size} {len(file.read())} {type(file).__name__}" for file in files]
    return HttpResponse("\n".join([*received, request.POST.get("note", "")]))


def accepts_no_files(request):
    return HttpResponse(str(request.FILES))


urlpatterns = [path("taken/", accepts_files), path("untaken/", accepts_no_files), *urlpatterns]


def file(size: int, name: str = "a.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"x" * size)


def post_files(address: str, **fields):
    return Client().post(address, fields)


def test_file_over_the_limit_keeps_its_size_but_not_its_content():
    response = post_files("/taken/", file=[file(1), file(1_000_000), file(1_000_001), file(9_000_000)], note="kept")
    assert response.content.decode().split("\n") == [
        "a.png 1 1 SimpleUploadedFile",
        "a.png 1000000 1000000 SimpleUploadedFile",
        "a.png 1000001 0 SimpleUploadedFile",
        "a.png 9000000 0 SimpleUploadedFile",
        "kept",
    ]


@pytest.mark.parametrize("address", ["/untaken/", "/imagine/promise/", "/imagine/nothing/", "/imagine/admin/login/"])
def test_pages_without_uploads_refuse_large_bodies(address):
    assert post_files(address, file=file(600_000)).status_code == 413


def test_body_over_the_maximum_is_refused_unread():
    response = Client().post("/taken/", {"note": "x"}, headers={"content-length": str(uploads.MAX_BODY + 1)})
    assert response.status_code == 413


def test_upload_page_refuses_long_text():
    assert Client(raise_request_exception=False).post("/taken/", {"note": "x" * 600_000}).status_code == 400


def test_upload_page_refuses_large_forms_without_files():
    body = "note=" + "x" * 600_000
    assert Client().post("/taken/", body, content_type="application/x-www-form-urlencoded").status_code == 413


def test_takes_files_limit_survives_other_decorators():
    assert limit_posts("x", most=1, minutes=1)(accepts_files).largest_file == 1_000_000


def test_large_uploads_are_rate_limited_per_address(client):
    assert client.post("/taken/", {"file": file(600_000)}).status_code == 200
    RateLimitCount.objects.update(count=100)
    assert client.post("/taken/", {"file": file(600_000)}).status_code == 429
    assert client.post("/taken/", {"note": "x"}).status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.1").post("/taken/", {"file": file(600_000)}).status_code == 200
