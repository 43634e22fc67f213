"""What a screen reader makes of a PDF: its elements in their order, each with the words it says."""

import re
from io import BytesIO

from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream

SHOWING = {"Tj", "TJ"}


def open_pdf(pdf: bytes) -> PdfReader:
    return PdfReader(BytesIO(pdf))


def spoken_elements(pdf: bytes) -> list[tuple[str, str]]:
    """Each element that holds words, as its role and what is said of it: its alternative text, else its content."""
    document = open_pdf(pdf)
    texts = {}
    for page in document.pages:
        texts |= marked_text(page, document)
    return list(elements(document.trailer["/Root"]["/StructTreeRoot"], texts))


def elements(node, texts: dict[int, str]):
    children = node.get("/K", [])
    children = [child.get_object() for child in (children if isinstance(children, list) else [children])]
    content = "".join(texts[child] for child in children if isinstance(child, int))
    if "/Alt" in node or content:
        yield str(node["/S"]).lstrip("/"), str(node.get("/Alt", content))
    if "/Alt" not in node:
        for child in children:
            if not isinstance(child, int):
                yield from elements(child, texts)


def marked_text(page: PageObject, document: PdfReader) -> dict[int, str]:
    """The words of each marked piece of a page (ISO 32000-1, 14.6 and 14.9.4). Words outside of any are an error."""
    fonts = {name: alphabet(font.get_object()) for name, font in page["/Resources"]["/Font"].items()}
    texts, around, font = {}, [], {}
    for operands, operator in ContentStream(page.get_contents(), document).operations:
        match operator.decode():
            case "BDC" | "BMC":
                facts = operands[1] if len(operands) > 1 else {}
                around.append({"/is": operands[0], **facts})
                if "/ActualText" in facts:
                    texts[piece(around)] += facts["/ActualText"]
            case "EMC":
                around.pop()
            case "Tf":
                font = fonts[operands[0]]
            case "Tj" | "TJ":
                shown = decode(operands[0], font)
                if any(mark["/is"] == "/ReversedChars" for mark in around):
                    shown = shown[::-1]
                replaced = any("/ActualText" in mark for mark in around)
                texts[piece(around)] += "" if replaced else shown
        if around and "/MCID" in around[-1]:
            texts.setdefault(around[-1]["/MCID"], "")
    return texts


def piece(around: list[dict]) -> int:
    """The number of the marked piece that the page is in. Words in no piece, or in an artifact, are read to nobody."""
    [number] = [mark["/MCID"] for mark in around if "/MCID" in mark]
    return number


def decode(shown, font: dict[bytes, str]) -> str:
    parts = shown if isinstance(shown, list) else [shown]
    codes = b"".join(part.original_bytes for part in parts if hasattr(part, "original_bytes"))
    width = len(next(iter(font)))
    return "".join(font[codes[at : at + width]] for at in range(0, len(codes), width))


def alphabet(font) -> dict[bytes, str]:
    """What each code of a font stands for. The box for a missing letter, code 0, stands for nothing: showing it is an
    error."""
    table = font["/ToUnicode"].get_object().get_data().decode("latin-1")
    pairs = [pair for block in re.findall(r"beginbfchar(.*?)endbfchar", table, re.S) for pair in block.split("\n")]
    found = [re.findall(r"<(\w+)>", pair) for pair in pairs]
    known = {bytes.fromhex(pair[0]): bytes.fromhex(pair[1]).decode("utf-16-be") for pair in found if len(pair) == 2}
    return {code: letter for code, letter in known.items() if any(code)}


def text_positions(pdf: bytes) -> list[tuple[float, float]]:
    """Where words begin on the page, in points from its lower left corner."""
    found = []

    def note(text, matrix, text_matrix, _font, _size):
        if text.strip():
            a, b, c, d, e, f = matrix
            x, y = text_matrix[4], text_matrix[5]
            found.append((a * x + c * y + e, b * x + d * y + f))

    open_pdf(pdf).pages[0].extract_text(visitor_text=note)
    return found
