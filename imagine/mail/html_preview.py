"""An email's HTML as a document for a frame in the admin."""

import re
from html import escape

from imagine.core.logging import without_links


def preview_document(html: str, nonce: str) -> str:
    """Return an email's HTML without working links, because staff must not act as its recipient."""
    without_hrefs = re.sub(r'href="[^"]*"', 'role="link" aria-disabled="true"', html)
    return move_styles(without_links(without_hrefs), nonce)


def move_styles(html: str, nonce: str) -> str:
    """Move each style attribute into one style sheet with a nonce.

    Emails need inline styles, which the admin's content security policy forbids.
    """
    classes: dict[str, str] = {}

    def replace(match: re.Match) -> str:
        return f'class="{classes.setdefault(match[1], f"m{len(classes)}")}"'

    body = re.sub(r'style="([^"]*)"', replace, html)
    rules = "\n".join(f".{name} {{ {style} }}" for style, name in classes.items())
    return body.replace("</head>", f'<style nonce="{escape(nonce)}">{rules}</style></head>', 1)
