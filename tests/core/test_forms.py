"""What is allowed in names."""

import pytest
from django.core.exceptions import ValidationError

from imagine.core.forms import LineField, NameField

LINKS = [
    "www.evil-prize.example.com/claim",
    "evil-prize.com",
    "evil\u3002com",  # ideographic full stop
    "evil\uff0ecom",  # fullwidth
    "evil\uff61com",  # halfwidth
    "evil\u2024com",  # one dot leader
    "evil\ufe52com",  # small
    "evil\ua4f8com",  # Lisu letter tone mya ti
    "evil\u00b7com",  # middle dot
    "evil\u200b.\u200bcom",  # with invisible spaces
    "ev\u00adil.com",
    "evil.рф",
    "evil.xn--p1ai",
    "http://evil",
    "https:\u2215\u2215evil.com",
    "me@evil",
    "me\uff20evil",
    "bit.ly",
    "t.co",
    "evil.com.au",
    "evil.ed.com",
    "paypal\u00b7live",
    "paypal\u00b7link",
    "gal\u00b7la\u00b7com",
    "gal\u00b7la.com",
    "www.gal\u00b7la",
    "xml\u00b7la",
]


@pytest.mark.parametrize("link", LINKS)
def test_names_that_contain_a_link_are_refused(link):
    for text in (link, f"Prize: {link}", f"Call us, {link} now", f"{link}.", f"{link}..", f"{link}. Call us"):
        with pytest.raises(ValidationError):
            NameField().clean(text)


@pytest.mark.parametrize(
    "link",
    [
        *("St. Mary's", "J. R. Reyes", "Delta Growers, Inc.", "Núñez & Co.", "No. 5 Charter", "A.C. Milan", "木村"),
        *("Alma Reyes, M. Ed.", "Alma Reyes, M.Ed.", "Alma Reyes, Ph.D.", "Dr. Martin Luther King Jr.", "U.S.A."),
        *("Gal·la Placidia", "Marcel·la Castel·ló", "GABRIEL·LA", "Ga\u0140la Mas"),
    ],
)
def test_ordinary_names_are_accepted(link):
    assert NameField().clean(link) == link


@pytest.mark.parametrize("link", ["a\ue000token\ue001", "\uf8ff", "a\x07"])
def test_private_use_and_control_characters_are_refused(link):
    with pytest.raises(ValidationError):
        LineField().clean(link)
