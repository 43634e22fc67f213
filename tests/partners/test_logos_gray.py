"""Case logo-sixteen-bit: a logo in 16-bit gray keeps its shades."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from partners.organizations import logos


def gray_logo() -> bytes:
    """Return a PNG of 16 bits: black on the left, then dark gray, middle gray and white."""
    picture = Image.new("I;16", (400, 100))
    for column, shade in enumerate((0, 16_448, 32_896, 65_535)):
        picture.paste(shade, (column * 100, 0, column * 100 + 100, 100))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_gray_of_sixteen_bits_keeps_its_shades():
    png = logos.to_png(SimpleUploadedFile("logo.png", gray_logo()))
    with Image.open(io.BytesIO(png)) as shown:
        shades = [shown.convert("L").getpixel((column * 100 + 50, 50)) for column in range(4)]
    assert shades == pytest.approx([0, 64, 128, 255], abs=1)
