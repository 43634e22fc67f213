"""What a screen reader gets from a PDF: its elements in order, each with its text."""

import re
from io import BytesIO

from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream

SHOWING = {"Tj", "TJ"}


def open_pdf(pdf: bytes) -> PdfReader:
    return PdfReader(BytesIO(pdf))


def spoken_elements(pdf: bytes) -> list[tuple[str, str]]:
    """Return the role and text of each element with text: its alternative text or its content."""
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
    """Return the text of each marked-content sequence of a page (ISO 32000-1, 14.6 and 14.9.4). Text outside of any is
    an error."""
    fonts = {name: alphabet(font.get_object()) for name, font in page["/Resources"]["/Font"].items()}
    texts, content_stack, font = {}, [], {}
    for operands, operator in ContentStream(page.get_contents(), document).operations:
        match operator.decode():
            case "BDC" | "BMC":
                properties = operands[1] if len(operands) > 1 else {}
                content_stack.append({"/is": operands[0], **properties})
                if "/ActualText" in properties:
                    texts[piece(content_stack)] += properties["/ActualText"]
            case "EMC":
                content_stack.pop()
            case "Tf":
                font = fonts[operands[0]]
            case "Tj" | "TJ":
                text_codes = decode(operands[0], font)
                if any(marker["/is"] == "/ReversedChars" for marker in content_stack):
                    text_codes = text_codes[::-1]
                replaced = any("/ActualText" in marker for marker in content_stack)
                texts[piece(content_stack)] += "" if replaced else text_codes
        if content_stack and "/MCID" in content_stack[-1]:
            texts.setdefault(content_stack[-1]["/MCID"], "")
    return texts


def piece(content_stack: list[dict]) -> int:
    """Return the number of the current marked-content sequence. Text outside of any, or in an artifact, isn't read
    aloud."""
    [number] = [marker["/MCID"] for marker in content_stack if "/MCID" in marker]
    return number


def decode(text_codes, font: dict[bytes, str]) -> str:
    parts = text_codes if isinstance(text_codes, list) else [text_codes]
    codes = b"".join(part.original_bytes for part in parts if hasattr(part, "original_bytes"))
    width = len(next(iter(font)))
    return "".join(font[codes[index : index + width]] for index in range(0, len(codes), width))


def alphabet(font) -> dict[bytes, str]:
    """Map a font's codes to characters. Code 0, the box for a missing character, is left out: showing it is an
    error."""
    table = font["/ToUnicode"].get_object().get_data().decode("latin-1")
    pairs = [pair for block in re.findall(r"beginbfchar(.*?)endbfchar", table, re.S) for pair in block.split("\n")]
    mappings = [re.findall(r"<(\w+)>", pair) for pair in pairs]
    characters = {
        bytes.fromhex(pair[0]): bytes.fromhex(pair[1]).decode("utf-16-be") for pair in mappings if len(pair) == 2
    }
    return {code: character for code, character in characters.items() if any(code)}


def text_positions(pdf: bytes) -> list[tuple[float, float]]:
    """Return where text starts on the page, in points from the lower left corner."""
    mappings = []

    def record_position(text, matrix, text_matrix, _font, _size):
        if text.strip():
            a, b, c, d, e, f = matrix
            x, y = text_matrix[4], text_matrix[5]
            mappings.append((a * x + c * y + e, b * x + d * y + f))

    open_pdf(pdf).pages[0].extract_text(visitor_text=record_position)
    return mappings
