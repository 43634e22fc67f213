"""The certificate: its content, how it is read aloud, and that no typed text can break it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from unicodedata import category

import pytest
from django.conf import settings as django_settings
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners import certificates
from partners.models import Signature
from partners.pledges import editing as pledge_editing
from tests import factories
from tests.partners import pdf

KINDS = {
    "tours": ("Host tours and field trips", "Recibir visitas y excursiones", "visits", "visitas"),
    "mentors": ("Be mentors and role models", "Ser mentores y ejemplos a seguir", "students", "estudiantes"),
    "internships": (
        "Provide job shadowing, internships, and apprenticeships",
        "Ofrecer observación laboral (job shadowing), pasantías y programas de aprendizaje",
        "places",
        "lugares",
    ),
}
EVENING_IN_STOCKTON = datetime(2027, 4, 5, 5, 30, tzinfo=UTC)  # still April 4 in Stockton


def promise(promise_type: str = "tours", quantity: int = 6, **certificate_texts) -> dict:
    fields = dict(zip(("name", "name_es", "unit", "unit_es"), KINDS[promise_type], strict=True))
    return fields | {"promise_type": promise_type, "quantity": quantity} | certificate_texts


def signature(organization: str = "Gurdwara Family Kitchen", *promises: dict, **fields) -> Signature:
    content = {"organization": organization, "school_year": 2027, "promises": list(promises) or [promise()]}
    return Signature(
        **({"number": 1, "signed_by": "Harleen Gill", "signed_at": EVENING_IN_STOCKTON, "content": content} | fields)
    )


def certificate_texts(of: Signature, language: str = "en") -> list[str]:
    return [
        certificate_texts
        for _role, certificate_texts in pdf.spoken_elements(certificates.certificate_pdf(of, language))
    ]


def name_of(page: bytes) -> str:
    """Return the organization's name: the text after the heading."""
    read = pdf.spoken_elements(page)
    return read[[role for role, _words in read].index("H1") + 1][1]


def sentence(*promises: dict, language: str = "en") -> str:
    with translation.override(language):
        return certificates.sentence(list(promises), language).replace("\N{NO-BREAK SPACE}", " ")


# What is on it ------------------------------------------------------------------------------------------------------


def test_certificate_is_read_aloud_in_order():
    signed = signature("Gurdwara Family Kitchen", promise(), promise("mentors", 1200), signed_role="Director")
    assert pdf.spoken_elements(certificates.certificate_pdf(signed, "en")) == [
        ("P", "Imagine Promise"),
        ("P", "Community Relations Department, Stockton Unified School District"),
        ("P", "School year"),
        ("P", "2027–28"),
        ("H1", "A promise to Stockton’s students"),
        ("H2", "Gurdwara Family Kitchen"),
        ("P", "will host tours and field trips (6\xa0visits) and be mentors and role models (1,200\xa0students)."),
        ("P", "Signed by"),
        ("P", "Harleen Gill"),
        ("P", "Director"),
        ("P", "Signed on"),
        ("P", "April 4, 2027"),
    ]


def test_certificate_in_spanish():
    assert certificate_texts(signature("Iglesia Luz del Valle"), "es") == [
        "Imagine Promise",
        "Departamento de Relaciones Comunitarias, Distrito Escolar Unificado de Stockton",
        "Año escolar",
        "2027–28",
        "Una promesa a los estudiantes de Stockton",
        "Iglesia Luz del Valle",
        "se compromete a recibir visitas y excursiones (6\xa0visitas).",
        "Firmado por",
        "Harleen Gill",
        "Firmado el",
        "4 de abril de 2027",
    ]


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Imagine Promise certificate: Gurdwara Family Kitchen, 2027–28"),
        ("es", "Certificado de Imagine Promise: Gurdwara Family Kitchen, 2027–28"),
    ],
)
def test_pdf_metadata_declares_accessibility_language_and_title(language, title):
    document = pdf.open_pdf(certificates.certificate_pdf(signature(), language))
    root = document.trailer["/Root"]
    assert (root["/Lang"], document.metadata.title) == (language, title)
    assert root["/MarkInfo"]["/Marked"].value
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()


def test_certificate_is_one_landscape_letter_page():
    [page] = pdf.open_pdf(certificates.certificate_pdf(signature(), "en")).pages
    assert (page.mediabox.width, page.mediabox.height) == (792, 612)


def test_all_fonts_are_embedded():
    [page] = pdf.open_pdf(certificates.certificate_pdf(signature(), "en")).pages
    fonts = [font["/DescendantFonts"][0]["/FontDescriptor"] for font in page["/Resources"]["/Font"].values()]
    assert {font["/FontName"].partition("+")[2] for font in fonts} >= {"NotoSans-Regular", "NotoSans-Bold"}
    assert all("/FontFile2" in font for font in fonts)


def test_rendering_again_gives_the_same_pdf():
    certificates.rendered_pdf.cache_clear()
    first = certificates.certificate_pdf(signature(), "en")
    certificates.rendered_pdf.cache_clear()
    assert certificates.certificate_pdf(signature(), "en") == first


def test_pdf_is_rendered_once_per_language():
    certificates.rendered_pdf.cache_clear()
    for language in ("en", "es", "en", "es"):
        certificates.certificate_pdf(signature(), language)
    assert (certificates.rendered_pdf.cache_info().misses, certificates.rendered_pdf.cache_info().hits) == (2, 2)


@pytest.mark.slow
def test_certificates_rendered_at_the_same_time_are_not_mixed_up():
    certificates.rendered_pdf.cache_clear()
    names = [f"Partner {number}" for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda name: certificates.certificate_pdf(signature(name), "en"), names))
    assert [name_of(page) for page in pages] == names


@pytest.mark.django_db
def test_every_signed_version_keeps_its_own_certificate():
    first = factories.signed_pledge("Old Name", promises=(factories.promise_data("tours", 6),)).signatures.get()
    before = certificate_texts(first)
    pledge = first.pledge
    page = factories.pledge_data(pledge.token, factories.promise_data("mentors", 1), name="New Name")
    pledge_editing.sign_pledge(pledge.token, **page, name="Chue Vang", role="Owner")
    newest = pledge.signatures.latest("number")
    assert certificate_texts(Signature.objects.get(pk=first.pk)) == before
    assert before[5:7] == ["Old Name", "will host tours and field trips (6\xa0visits)."]
    assert certificate_texts(newest)[5:7] == ["New Name", "will be mentors and role models (1\xa0student)."]
    assert certificate_texts(newest)[8] == "Chue Vang"


# The sentence -------------------------------------------------------------------------------------------------------


def test_promises_are_one_sentence():
    tours, mentors, internships = promise(), promise("mentors", 8), promise("internships", 1, unit="place")
    assert sentence(tours) == "will host tours and field trips (6 visits)."
    assert sentence(tours, mentors, internships) == (
        "will host tours and field trips (6 visits), be mentors and role models (8 students) and provide job "
        "shadowing, internships, and apprenticeships (1 place)."
    )
    assert sentence() == ""


def test_promises_with_commas_are_separated_by_semicolons():
    assert sentence(promise("internships", 2), promise(), promise("mentors", 8)) == (
        "will provide job shadowing, internships, and apprenticeships (2 places); host tours and field trips "
        "(6 visits); and be mentors and role models (8 students)."
    )


def test_spanish_sentence_joins_promises_with_y_or_e():
    painting = promise("mentors", 3, name_es="Impartir talleres.", unit_es="talleres")
    said = "se compromete a recibir visitas y excursiones (6 visitas)"
    assert sentence(promise(), painting, language="es") == f"{said} e impartir talleres (3 talleres)."
    assert sentence(promise(), promise("mentors", 8), language="es").startswith(f"{said} y ser mentores")


def test_name_starting_with_an_abbreviation_keeps_its_capitals():
    assert sentence(promise(name="STEM nights", quantity=2)) == "will STEM nights (2 visits)."


# Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "Nguyễn Thị Bích Ngọc Đặng",
        "Lub Koom Haum Hmoob Xyooj Tswvyim",
        "Peña Ñandú & Hijos «Güera» ¿Qué?",
        "ਗੁਰਦੁਆਰਾ ਸਾਹਿਬ ਸਟਾਕਟਨ",
        "ក្រុមយុវជនស្តុកតុន ខ្មែរ សហគមន៍",
        "ສະມາຄົມລາວ ເມືອງສະຕອກຕັນ",
        "𖬌𖬣𖬵 𖬄𖬰𖬪",
        "𞄀𞄄𞄰𞄫",
        "วัดไทยที่สต็อกตัน",
        "श्री हिन्दी मंदिर",
        "مسجد الفجر ستوكتون",
        "مسجد Al-Fajr 12",
        "בית כנסת ישראל",
        "中華會館 中华会馆",
        "ストックトン仏教会",
        "스톡턴 한인교회",
        "Фонд Надежда Ελλάς ʻOfa Lēsoni",
    ],
)
def test_names_in_every_script_are_rendered_and_readable(name):
    page = certificates.certificate_pdf(signature(name, signed_by=name[:100]), "en")
    assert name_of(page) == name
    assert pdf.spoken_elements(page)[8][1] == name
    pdf.marked_text(pdf.open_pdf(page).pages[0], pdf.open_pdf(page))  # no character is replaced by a box


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "font"),
    [
        ("斯托克顿中华会馆", "DroidSansFallback"),  # Chinese, simplified
        ("士德頓中華會館與龍岡親義公所", "DroidSansFallback"),  # Chinese, traditional
        ("ストックトン日本人会・さくら学園", "DroidSansFallback"),  # Japanese: katakana, kanji, hiragana
        ("스톡턴 한글학교와 상공회의소", "NotoSansKR-Regular"),  # Korean
        ("Confucius Church 孔聖廟, Stockton", "DroidSansFallback"),
    ],
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_chinese_japanese_and_korean_names_are_rendered_completely(name, font, language):
    page = certificates.certificate_pdf(signature(name, signed_by="王小明 김영희 佐藤さくら"), language)
    assert name_of(page) == name
    document = pdf.open_pdf(page)
    assert (len(document.pages), pdf.spoken_elements(page)[8][1]) == (1, "王小明 김영희 佐藤さくら")
    fonts = document.pages[0]["/Resources"]["/Font"].values()
    names = {page_font["/DescendantFonts"][0]["/FontDescriptor"]["/FontName"].partition("+")[2] for page_font in fonts}
    assert any(page_font.startswith(font) for page_font in names), names
    assert document.metadata.title.endswith(f"{name}, 2027–28")


def test_han_characters_missing_from_the_fonts_are_left_out():
    assert name_of(certificates.certificate_pdf(signature("𠮷野家 Stockton"), "en")) == "野家 Stockton"


def test_combining_characters_are_composed():
    assert name_of(certificates.certificate_pdf(signature("Nguye\u0302\u0303n"), "en")) == "Nguyễn"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        '#panic("no") #sys.inputs',
        "$x^2$ *bold* _it_ `raw` <label> @ref",
        "// comment /* all */ \\ \\u{41} -- --- ~",
        '"}] , "language": "xx',
        "= Heading",
        "- list + enum / term: 1. x",
        "#import \"/manage.py\": * #read('/etc/passwd')",
        "https://example.org <b>&amp;</b> {{ x }} %(x)s {0}",
    ],
)
def test_user_text_is_not_interpreted_as_markup(name):
    page = certificates.certificate_pdf(
        signature(name, promise(name=name, unit=name), signed_by=name, signed_role=name), "en"
    )
    read = [certificate_texts for _role, certificate_texts in pdf.spoken_elements(page)]
    assert (read[5], read[8], read[9]) == (name, name, name)
    assert name in pdf.open_pdf(page).metadata.title


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Happy 😀 Kitchen", "Happy Kitchen"),
        ("Two\nlines\tand\x00 a bell\x07", "Two lines and a bell"),
        ("Turned \u202eround", "Turned round"),
        ("😀", "—"),
        ("", "—"),
    ],
)
def test_characters_that_cannot_be_rendered_are_left_out(typed, expected):
    assert name_of(certificates.certificate_pdf(signature(typed), "en")) == expected


def test_combining_marks_of_several_scripts_do_not_break_rendering():
    typed = "\u1dc8\u06d64"
    assert name_of(certificates.certificate_pdf(signature(typed), "en")) in {typed, "4"}


@pytest.mark.slow
def test_every_available_character_can_be_rendered():
    characters = sorted(certificates.available_characters())
    letters = [character for character in characters if not category(character).startswith("M")]
    parts = (letters[start : start + 25] for start in range(0, len(letters), 25))
    certificate_texts = certificates.certificate_content(signature(), "en") | {
        "promises": " ".join("".join(part) for part in parts)
    }
    certificates.compile_pdf(json.dumps(certificate_texts, ensure_ascii=False))


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=120),
    st.sampled_from(["en", "es"]),
)
def test_any_text_gives_one_page(typed, language):
    every = promise(name=typed, name_es=typed, unit=typed[:40], unit_es=typed[:40])
    page = certificates.certificate_pdf(
        signature(typed, every, every, signed_by=typed[:100], signed_role=typed), language
    )
    assert len(pdf.open_pdf(page).pages) == 1


# Room ---------------------------------------------------------------------------------------------------------------

LONG_NAME = "Hmong and Khmer Families’ Association of San Joaquin County and the Greater Stockton Delta, Chapter 7"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(
    ("name", "promises"),
    [
        ("A", [promise()]),
        (LONG_NAME, [promise(quantity=100_000)] * 8),
        ("W" * 120, [promise(name="W" * 120, name_es="Ñ" * 120, unit="m" * 40, unit_es="m" * 40)] * 8),
        ("ក្រុមយុវជនស្តុកតុន" * 6, [promise("internships")] * 20),
        ("W" * 120, [promise(name="W" * 120, name_es="Ñ" * 120, unit="m" * 40, unit_es="m" * 40)] * 20),
        ("i " * 60, [promise(name="word " * 24, name_es="palabra " * 15)] * 8),
    ],
)
def test_certificate_fits_on_one_page_inside_its_frame(name, promises, language):
    signed = signature(name, *promises, signed_by=name[:100], signed_role=name[:100])
    page = certificates.certificate_pdf(signed, language)
    assert len(pdf.open_pdf(page).pages) == 1
    x_positions, y_positions = zip(*pdf.text_positions(page), strict=True)
    assert min(x_positions) >= 72  # inside the frame
    assert max(x_positions) <= 720
    assert min(y_positions) >= 130  # above the horizon
    assert max(y_positions) <= 550


def test_long_name_is_not_truncated():
    for name in (LONG_NAME, "W" * 120, "Bounmy Vongphachanhxaysana " * 4):
        read = name_of(certificates.certificate_pdf(signature(name), "en"))
        assert read.replace("\N{ZERO WIDTH SPACE}", "") == name.strip()


def structure_languages(page: bytes) -> list[tuple[str, str]]:
    """Return the elements that are read aloud in another language than the page, each with that language."""

    def walk(node) -> list[tuple[str, str]]:
        node = node.get_object()
        if isinstance(node, list):
            return [found for each in node for found in walk(each)]
        if not isinstance(node, dict):
            return []
        own = [(node["/S"].lstrip("/"), node["/Lang"])] if "/Lang" in node else []
        return own + (walk(node["/K"]) if "/K" in node else [])

    return walk(pdf.open_pdf(page).trailer["/Root"]["/StructTreeRoot"])


@pytest.mark.parametrize(
    ("organization", "language"),
    [("陳氏巧克力公司", "zh"), ("ដៃគូខ្មែរ", "km"), ("مركز الأمل", "ar"), ("ਗੁਰਦੁਆਰਾ ਰਸੋਈ", "pa")],
)
def test_name_in_another_script_says_which_language_it_is(organization, language):
    page = certificates.certificate_pdf(signature(organization), "en")
    assert structure_languages(page) == [("H2", language)]
    assert name_of(page) == organization


def test_district_signs_only_if_there_is_such_a_setting(monkeypatch):
    assert "For the district" not in certificate_texts(signature())
    monkeypatch.setattr(django_settings, "CERTIFICATE_SIGNER", "Dr. Ana Vang, Superintendent, Stockton Unified")
    texts = certificate_texts(signature())
    assert texts[-3:] == ["For the district", "Dr. Ana Vang", "Superintendent, Stockton Unified"]
    monkeypatch.setattr(django_settings, "CERTIFICATE_SIGNER", "Dr. Ana Vang")
    assert certificate_texts(signature())[-2:] == ["For the district", "Dr. Ana Vang"]
