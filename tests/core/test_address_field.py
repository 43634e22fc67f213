"""Email addresses as people copy them."""

import pytest
from django.core.exceptions import ValidationError

from imagine.core.forms import AddressField


@pytest.mark.parametrize(
    "copied",
    [
        "alma@example.org.",
        "\u202aalma@example.org\u202c",
        "\u200balma@example.org",
        "alma@example.org\ufeff",
        " alma@example.org. ",
    ],
)
def test_marks_around_a_copied_address_are_dropped(copied):
    assert AddressField().clean(copied) == "alma@example.org"


def test_address_that_we_cannot_write_to_is_refused_truly():
    with pytest.raises(ValidationError, match="We can’t email an address with a letter like ñ"):
        AddressField().clean("jlópez@example.org")


def test_half_an_address_is_still_incomplete():
    with pytest.raises(ValidationError, match="Enter a complete email address"):
        AddressField().clean("@example.org")
