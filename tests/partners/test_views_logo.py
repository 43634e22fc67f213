"""The logo on a pledge's page: images are converted to a small, clean PNG; anything else gets an error at the field."""

import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image

from partners.models import Logo, Pledge, PromiseType
from partners.organizations import logos, profiles
from tests import factories, web_client
from tests.partners.pledge_form import pledge_url, selected, send, signature, submit, untouched

pytestmark = pytest.mark.django_db

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
PROGRAM = b"MZ\x90\0" + b"\0" * 9000


def file(content: bytes, name: str = "logo.png", kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def picture(size=(900, 300), mode: str = "RGB", format: str = "PNG", color=0, **options) -> bytes:
    file_object = io.BytesIO()
    Image.new(mode, size, color).save(file_object, format, **options)
    return file_object.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims this size and contains next to nothing."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def noise(format: str) -> bytes:
    file_object = io.BytesIO()
    Image.effect_noise((900, 300), 50).save(file_object, format)
    return file_object.getvalue()


@pytest.fixture
def token() -> str:
    return factories.pledge_request().token


def stored() -> Image.Image:
    logo = Logo.objects.get()
    image = Image.open(io.BytesIO(bytes(logo.png)))
    image.load()
    assert image.format == "PNG"
    assert (logo.width, logo.height) == image.size
    return image


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "size", "mode"),
    [
        (picture(), (600, 200), "RGB"),
        (picture((30, 20)), (30, 20), "RGB"),
        (picture((300, 900), "RGBA", color=(9, 9, 9, 0)), (200, 600), "RGBA"),
        (picture(format="JPEG"), (600, 200), "RGB"),
        (picture(mode="CMYK", format="JPEG"), (600, 200), "RGB"),
        (picture(mode="P", format="GIF"), (600, 200), "RGB"),
        (picture(mode="RGBA", format="WEBP", color=(9, 9, 9, 0)), (600, 200), "RGBA"),
        (picture(mode="I;16"), (600, 200), "RGB"),
        (picture((4000, 4000), "L"), (600, 600), "RGB"),
        (picture((1, 2000)), (1, 600), "RGB"),
    ],
    ids=["PNG", "small", "clear", "JPEG", "CMYK", "GIF", "WebP", "16 bits", "16 million pixels", "a line"],
)
def test_logo_is_resized_and_saved_as_png(token, content, size, mode):
    assert submit(token, logo=file(content, "renamed.exe", "application/x-anything")).status_code == 302
    assert (stored().size, stored().mode) == (size, mode)


def test_logo_is_rotated_upright_and_its_metadata_is_removed(token):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "taken at home"  # rotated by 90 degrees; a description
    content = picture(format="JPEG", exif=exif, comment=b"taken at home", dpi=(300, 300))
    assert b"taken at home" in content
    assert submit(token, logo=file(content)).status_code == 302
    assert stored().size == (200, 600)
    assert stored().info == {}
    assert b"taken" not in bytes(Logo.objects.get().png)


WRONG = {
    "svg with a script": (SVG, logos.NO_PICTURE),
    "program": (PROGRAM, logos.NO_PICTURE),
    "page": (b"<!doctype html><script>alert(1)</script>", logos.NO_PICTURE),
    "empty": (b"", logos.NO_PICTURE),
    "cut off png": (noise("PNG")[:5000], logos.NO_PICTURE),
    "cut off jpeg": (noise("JPEG")[:5000], logos.NO_PICTURE),
    "broken png": (picture()[:60] + b"\0" * 200, logos.NO_PICTURE),
    "bmp": (picture((9, 9), format="BMP"), logos.NO_PICTURE),
    "pdf": (picture((9, 9), format="PDF"), logos.NO_PICTURE),
    "40,000 by 40,000": (png_header(40_000, 40_000), logos.TOO_MANY_PIXELS),
    "10,000 by 10,000": (png_header(10_000, 10_000), logos.TOO_MANY_PIXELS),
    "4,001 by 4,000": (png_header(4_001, 4_000), logos.TOO_MANY_PIXELS),
    "longest": (png_header(2**31 - 1, 2**31 - 1), logos.TOO_MANY_PIXELS),
    "moving": (
        picture(mode="L", format="GIF", save_all=True, append_images=[Image.new("L", (900, 300), 99)]),
        logos.MOVES,
    ),
    "5 MB and a byte": (picture() + b"\0" * logos.MAX_FILE_SIZE, logos.TOO_LARGE),
    "30 MB": (b"\0" * 30_000_000, logos.TOO_LARGE),
}


@pytest.mark.slow
def test_invalid_logo_is_refused_and_other_answers_are_kept(subtests, token):
    form = untouched(token)
    for wrong, (content, error) in WRONG.items():
        with subtests.test(wrong):
            typed_data = selected("tours", "6", note="Ask us") | {"description": "We ship.", "logo": file(content)}
            response = send(token, form, typed_data, signature())
            page = web_client.page_text(response)
            assert response.status_code == 422
            assert page.count(str(error)) == 2  # at the field, and in the summary
            assert 'href="#id_logo"' in response.content.decode()
            resent_form, name = web_client.form_fields(response), f"promise-{PromiseType.objects.get(code='tours').pk}"
            assert (
                resent_form[f"{name}-quantity"],
                resent_form[f"{name}-note"],
                resent_form["description"],
                resent_form["sign-name"],
            ) == (
                *("6", "Ask us", "We ship."),
                "Alma Reyes",
            )
            assert (Pledge.objects.count(), Logo.objects.count()) == (0, 0)


@pytest.mark.slow
def test_valid_logo_must_be_chosen_again_after_another_error(token):
    response = submit(token, name="", logo=file(picture()))
    assert response.status_code == 422
    assert "Choose your logo file again" in web_client.page_text(response)
    assert Logo.objects.count() == 0


def test_logo_is_shown_kept_replaced_and_removed():
    pledge = factories.draft_pledge()
    assert "Current logo" not in web_client.page_text(Client().get(pledge_url(pledge.token)))
    assert submit(pledge.token, logo=file(picture())).status_code == 302
    page = Client().get(pledge_url(pledge.token))
    assert pledge_url(pledge.token, "pledge_logo") in page.content.decode()
    logo_response = Client().get(pledge_url(pledge.token, "pledge_logo"))
    assert (logo_response["Content-Type"], logo_response.content) == ("image/png", bytes(Logo.objects.get().png))
    submit(pledge.token, selected("tours", "9"))
    assert stored().size == (600, 200)
    submit(pledge.token, logo=file(picture((20, 20))), no_logo="on")  # the new logo is kept
    assert stored().size == (20, 20)
    submit(pledge.token, no_logo="on")
    assert Logo.objects.count() == 0
    assert Client().get(pledge_url(pledge.token, "pledge_logo")).status_code == 404


@pytest.mark.slow
def test_new_logo_of_a_listed_partner_requires_new_approval():
    partner = factories.listed_partner()
    submit(Pledge.objects.get().token, signature(), logo=file(picture()))
    partner.refresh_from_db()
    assert (partner.wants_listing, partner.is_listed) == (True, False)


@pytest.mark.slow
def test_submitting_without_a_new_logo_keeps_the_logo():
    pledge = factories.draft_pledge()
    profiles.set_logo(pledge.organization, factories.png())
    multipart_body = encode_multipart(BOUNDARY, untouched(pledge.token) | {"save": "1", "logo": file(b"-", "none")})
    without_file = multipart_body.replace(b'filename="none"', b'filename=""').replace(
        b"image/png", b"application/octet-stream"
    )
    response = Client().generic("POST", pledge_url(pledge.token), without_file, content_type=MULTIPART_CONTENT)
    assert response.status_code == 302
    assert bytes(Logo.objects.get().png) == factories.png()
