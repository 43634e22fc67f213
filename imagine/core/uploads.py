"""Files that a page of ours takes. No other page takes a body that is larger than a form."""

from collections.abc import Callable

from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.urls import Resolver404, resolve

LARGEST_BODY = 64 * 1024 * 1024  # deploy/nginx.conf has the same


def takes_files(*, largest: int) -> Callable:
    """Decorates a view whose form holds a file. Of one that has more bytes than `largest` only the size arrives, so
    that the form can say so and keep what was typed; a body is refused only beyond LARGEST_BODY."""

    def mark(view: Callable) -> Callable:
        view.largest_file = largest
        return view

    return mark


def let_in(request: HttpRequest) -> bool:
    """Whether the page that a request is for takes files. Makes it ready to read them; before anything has read of its
    body, which the CSRF check does."""
    try:
        largest = getattr(resolve(request.path_info).func, "largest_file", 0)
    except Resolver404:
        return False
    if largest:
        request.upload_handlers = [Holder(request, largest)]
    return bool(largest)


class Holder(FileUploadHandler):
    """Holds each file in memory up to its bound, writes none to a disk, and lets go of what is larger."""

    chunk_size = 64 * 1024

    def __init__(self, request: HttpRequest, largest: int):
        super().__init__(request)
        self.largest = largest

    def new_file(self, *args, **kwargs) -> None:
        super().new_file(*args, **kwargs)
        self.chunks, self.is_held = [], True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.is_held = self.is_held and start + len(raw_data) <= self.largest
        if self.is_held:
            self.chunks.append(raw_data)
        else:
            self.chunks.clear()

    def file_complete(self, file_size: int) -> UploadedFile:
        file = SimpleUploadedFile(self.file_name, b"".join(self.chunks), self.content_type)
        file.size = file_size
        return file
