"""A mail's HTML in a frame of the admin: as its reader sees it, under the content security policy, its links dead."""

import re
from html import escape


def framed(html: str, nonce: str) -> str:
    """A mail as a page for a frame. Its links lead nowhere: staff must not act as the guest."""
    return without_inline_styles(re.sub(r'href="[^"]*"', 'role="link" aria-disabled="true"', html), nonce)


def without_inline_styles(html: str, nonce: str) -> str:
    """A mail's HTML with each `style="…"` moved into one style sheet that carries a nonce.

    Mail needs inline styles; the content security policy of these pages forbids them.
    """
    rules: dict[str, str] = {}

    def name(match: re.Match) -> str:
        return f'class="{rules.setdefault(match[1], f"m{len(rules)}")}"'

    body = re.sub(r'style="([^"]*)"', name, html)
    sheet = "\n".join(f".{rule} {{ {style} }}" for style, rule in rules.items())
    return body.replace("</head>", f'<style nonce="{escape(nonce)}">{sheet}</style></head>', 1)
