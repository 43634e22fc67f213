"""The file that staff attach to an email to guests."""

import io
import zipfile
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _

from imagine.mail.attachments import register_builder
from summit.emails.staff_email import ATTACHMENT_KIND
from summit.models import StaffEmail

MAX_BYTES = 5 * 2**20
MAX_LENGTH_NAME = 100
SIGNATURES = {"pdf": b"%PDF-", "png": b"\x89PNG\r\n\x1a\n", "jpg": b"\xff\xd8\xff", "jpeg": b"\xff\xd8\xff"}
OFFICE_PARTS = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
EXTENSIONS = (*SIGNATURES, *OFFICE_PARTS)


def check_attachment(name: str, content: bytes) -> None:
    """Raise ValidationError unless the file is of an allowed type, by its name and its content."""
    if len(content) > MAX_BYTES:
        raise ValidationError(_("This file is larger than 5 MB. Choose a smaller one."))
    if not content:
        raise ValidationError(_("This file is empty. Choose another one."))
    extension = PurePath(name).suffix.lower().removeprefix(".")
    if extension not in EXTENSIONS:
        raise ValidationError(_("Choose a PDF, a PNG or JPEG image, or a Word, Excel or PowerPoint file."))
    if not is_of_type(extension, content):
        raise ValidationError(
            _("This isn’t a valid .%(extension)s file. Save it again, or choose another one.")
            % {"extension": extension}
        )


def is_of_type(extension: str, content: bytes) -> bool:
    if extension in SIGNATURES:
        return content.startswith(SIGNATURES[extension])
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.namelist()
    except zipfile.BadZipFile:
        return False
    return OFFICE_PARTS[extension] in parts and not any(part.lower().endswith("vbaproject.bin") for part in parts)


def clean_name(name: str) -> str:
    """Return a file name that every mail program shows: letters, digits, dots, hyphens and underscores."""
    path = PurePath(get_valid_filename(PurePath(name).name))
    return path.stem[: MAX_LENGTH_NAME - len(path.suffix)] + path.suffix.lower()


def attached_file(email: StaffEmail, _language: str) -> bytes | None:
    return bytes(email.attachment) or None


def register_attachments() -> None:
    register_builder(ATTACHMENT_KIND, attached_file)
