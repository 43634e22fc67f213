"""Uploads. Only a view decorated with `takes_files` accepts a body larger than a form, and only one decorated with
`takes_content_types` a body that isn't a form."""

from collections.abc import Callable

from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.urls import Resolver404, resolve

MAX_FILE_SIZE_ATTRIBUTE = "largest_file"  # the attribute that marks a view which takes files
CONTENT_TYPES_ATTRIBUTE = "content_types"  # marks a view which takes something else than forms
MAX_BODY = 32 * 1024 * 1024  # as in deploy/nginx.conf


def takes_files(*, max_size: int) -> Callable:
    """Decorate a view whose form takes a file of at most `max_size` bytes.

    Of a larger file only the size arrives, so the form can say so and keep what was typed. Only a body over MAX_BODY is
    rejected.
    """

    def mark(view: Callable) -> Callable:
        setattr(view, MAX_FILE_SIZE_ATTRIBUTE, max_size)
        return view

    return mark


def takes_content_types(*types: str) -> Callable:
    """Decorate a view that is sent something else than a form."""

    def mark(view: Callable) -> Callable:
        setattr(view, CONTENT_TYPES_ATTRIBUTE, types)
        return view

    return mark


def accepts_content_type(request: HttpRequest) -> bool:
    """Return whether the requested view takes something else than a form, and this is it."""
    try:
        return request.content_type in getattr(resolve(request.path_info).func, CONTENT_TYPES_ATTRIBUTE, ())
    except Resolver404:
        return False


def accepts_files(request: HttpRequest) -> bool:
    """Return whether the requested view takes files, and prepare the request to read them.

    Call it before anything reads the body; the CSRF check does.
    """
    try:
        largest = getattr(resolve(request.path_info).func, MAX_FILE_SIZE_ATTRIBUTE, 0)
    except Resolver404:
        return False
    if largest:
        request.upload_handlers = [MemoryUploadHandler(request, largest)]
    return bool(largest)


class MemoryUploadHandler(FileUploadHandler):
    """Keep each file in memory up to its limit, drop larger ones, and write nothing to disk."""

    chunk_size = 64 * 1024

    def __init__(self, request: HttpRequest, largest: int):
        super().__init__(request)
        self.largest = largest

    def new_file(self, *args, **kwargs) -> None:
        super().new_file(*args, **kwargs)
        self.chunks: list[bytes] = []
        self.is_held = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.is_held = self.is_held and start + len(raw_data) <= self.largest
        if self.is_held:
            self.chunks.append(raw_data)
        else:
            self.chunks.clear()

    def file_complete(self, file_size: int) -> UploadedFile:
        file = SimpleUploadedFile(self.file_name or "", b"".join(self.chunks), self.content_type or "")
        file.size = file_size
        return file
