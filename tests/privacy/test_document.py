"""docs/privacy.md says what the code does, and forms say what docs/privacy.md says."""

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from imagine.privacy.retention import RULES
from tests import factories, web_client
from tests.partners.pledge_form import pledge_url


def test_document_has_the_retention_table():
    """When a rule changes, copy its row to the document."""
    lines = (Path(settings.BASE_DIR) / "docs" / "privacy.md").read_text().splitlines()
    with translation.override("en"):
        rows = [f"| {rule.what} | {rule.why} | {rule.until} | {rule.then} |" for rule in RULES]
    first = lines.index("| what | what for | until | then |") + 2
    assert lines[first : first + len(rows) + 1] == [*rows, ""]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "es"])
def test_forms_ask_not_to_name_students(language):
    """Next to the names, needs and notes."""
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    invitation = factories.invite(event, factories.person("Ina Vite"))
    request = factories.pledge_request()
    request_text = {"en": "don’t name students", "es": "no escriba nombres de estudiantes"}[language]
    pages = {
        event.get_absolute_url(): 3,
        rsvp.get_absolute_url(): 1,
        invitation.get_absolute_url(): 4,
        pledge_url(request.token): 8,
    }
    client = Client(headers={"Accept-Language": language})
    found = {path: web_client.page_text(client.get(path)).count(request_text) for path in pages}
    assert found == pages
