"""Re-encode an uploaded logo as a small PNG without metadata."""

import io
import threading

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

MAX_FILE_SIZE = 5 * 1024 * 1024  # enough for a photo taken with a phone
MAX_PIXELS = 16_000_000  # 64 MB when decoded
MAX_SIDE = 600
FORMATS = ["PNG", "JPEG", "GIF", "WEBP"]  # no SVG, which can contain scripts

TOO_LARGE = _("This file is larger than 5 MB. Choose a smaller image.")
NO_PICTURE = _("We can’t read this file as an image. Choose a PNG or JPEG file.")
TOO_MANY_PIXELS = _("This image has too many pixels. Choose one that’s 4,000 by 4,000 or smaller.")
MOVES = _("Animated images aren’t supported. Choose a still image.")

decoding_lock = threading.Lock()  # limits the memory used


def to_png(upload: UploadedFile) -> bytes:
    """Return the picture as a PNG of at most 600 by 600 pixels. Raise ValidationError."""
    if (upload.size or 0) > MAX_FILE_SIZE:
        raise ValidationError(TOO_LARGE, code="large")
    try:
        with decoding_lock:
            return reencode(upload)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValidationError(TOO_MANY_PIXELS, code="pixels") from None
    except ValidationError:
        raise
    except Exception:  # Pillow raises many different exceptions for an invalid file
        raise ValidationError(NO_PICTURE, code="invalid") from None


def eight_bit(picture: Image.Image) -> Image.Image:
    """Return a picture of 16-bit gray in 8 bits. Pillow would cut off the values instead, which makes it white."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")


def reencode(upload: UploadedFile) -> bytes:
    with Image.open(upload, formats=FORMATS) as picture:  # reads only the header
        if picture.width * picture.height > MAX_PIXELS:
            raise ValidationError(TOO_MANY_PIXELS, code="pixels")
        if getattr(picture, "is_animated", False):
            raise ValidationError(MOVES, code="moves")
        picture.draft("RGB", (MAX_SIDE, MAX_SIDE))  # decodes a JPEG at a smaller size
        upright = ImageOps.exif_transpose(eight_bit(picture)).convert("RGBA")
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
    upright.info.clear()
    is_opaque = upright.getchannel("A").getextrema()[0] == 255
    file = io.BytesIO()
    (upright.convert("RGB") if is_opaque else upright).save(file, "PNG", optimize=True)
    return file.getvalue()
