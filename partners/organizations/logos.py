"""Re-encode an uploaded logo as a small PNG without metadata."""

import io
import threading

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

MAX_FILE_SIZE = 5 * 1024 * 1024  # a photo of a sign, as a phone takes it
MAX_PIXELS = 16_000_000  # 64 MB once it is unpacked
MAX_SIDE = 600
FORMATS = ["PNG", "JPEG", "GIF", "WEBP"]  # a drawing (SVG) may hold a script

TOO_LARGE = _("This file is larger than 5 MB. Choose a smaller picture.")
NO_PICTURE = _("We cannot read this file as a picture. Choose a PNG or JPEG file.")
TOO_MANY_PIXELS = _("This picture has too many pixels. Choose one of at most 4,000 by 4,000.")
MOVES = _("This picture moves. Choose one that stands still.")

unpacking = threading.Lock()  # one at a time, for the memory


def to_png(upload: UploadedFile) -> bytes:
    """Return the picture as a PNG of at most 600 by 600 pixels. Raise ValidationError."""
    if (upload.size or 0) > MAX_FILE_SIZE:
        raise ValidationError(TOO_LARGE, code="large")
    try:
        with unpacking:
            return reencode(upload)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValidationError(TOO_MANY_PIXELS, code="pixels") from None
    except ValidationError:
        raise
    except Exception:  # Pillow's readers raise all kinds of errors for a broken file
        raise ValidationError(NO_PICTURE, code="invalid") from None


def reencode(upload: UploadedFile) -> bytes:
    with Image.open(upload, formats=FORMATS) as picture:  # reads the header alone
        if picture.width * picture.height > MAX_PIXELS:
            raise ValidationError(TOO_MANY_PIXELS, code="pixels")
        if getattr(picture, "is_animated", False):
            raise ValidationError(MOVES, code="moves")
        picture.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is unpacked no larger than it has to be
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
    upright.info.clear()
    is_opaque = upright.getchannel("A").getextrema()[0] == 255
    file = io.BytesIO()
    (upright.convert("RGB") if is_opaque else upright).save(file, "PNG", optimize=True)
    return file.getvalue()
