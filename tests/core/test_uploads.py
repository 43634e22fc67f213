"""Which pages take a file, how much of it arrives, and that every other page takes no more than a form."""

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
def taken(request):
    files = request.FILES.getlist("file")
    told = [f"{file.name} {file.size} {len(file.read())} {type(file).__name__}" for file in files]
    return HttpResponse("\n".join([*told, request.POST.get("note", "")]))


def untaken(request):
    return HttpResponse(str(request.FILES))


urlpatterns = [path("taken/", taken), path("untaken/", untaken), *urlpatterns]


def file(size: int, name: str = "a.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"x" * size)


def sent(address: str, **fields):
    return Client().post(address, fields)


def test_file_arrives_whole_up_to_its_bound_and_as_a_size_beyond():
    response = sent("/taken/", file=[file(1), file(1_000_000), file(1_000_001), file(9_000_000)], note="kept")
    assert response.content.decode().split("\n") == [
        "a.png 1 1 SimpleUploadedFile",
        "a.png 1000000 1000000 SimpleUploadedFile",
        "a.png 1000001 0 SimpleUploadedFile",
        "a.png 9000000 0 SimpleUploadedFile",
        "kept",
    ]


@pytest.mark.parametrize("address", ["/untaken/", "/imagine/promise/", "/imagine/nothing/", "/imagine/admin/login/"])
def test_other_pages_take_no_more_than_a_form(address):
    assert sent(address, file=file(600_000)).status_code == 413


def test_body_beyond_all_bounds_is_refused_unread():
    response = Client().post("/taken/", {"note": "x"}, headers={"content-length": str(uploads.MAX_BODY + 1)})
    assert response.status_code == 413


def test_long_text_is_refused_where_files_are_taken():
    assert Client(raise_request_exception=False).post("/taken/", {"note": "x" * 600_000}).status_code == 400


def test_form_without_files_is_as_small_there_as_everywhere():
    body = "note=" + "x" * 600_000
    assert Client().post("/taken/", body, content_type="application/x-www-form-urlencoded").status_code == 413


def test_decorators_around_it_keep_the_mark():
    assert limit_posts("x", most=1, minutes=1)(taken).largest_file == 1_000_000


def test_many_large_bodies_are_refused_before_they_are_read(client):
    assert client.post("/taken/", {"file": file(600_000)}).status_code == 200
    RateLimitCount.objects.update(count=100)
    assert client.post("/taken/", {"file": file(600_000)}).status_code == 429
    assert client.post("/taken/", {"note": "x"}).status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.1").post("/taken/", {"file": file(600_000)}).status_code == 200
