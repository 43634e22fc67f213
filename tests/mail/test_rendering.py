"""Rendered emails are cached without any recipient's data, and changed facts are noticed."""

import pytest
from django.template import Engine
from django.utils import translation

from imagine.mail import rendering
from imagine.mail.rendering import MAX_CACHED, render_email

TEMPLATES = {
    "mail/hello.txt": "{% extends layout %}{% block body %}{{ name }} has {{ seats }}.{% endblock %}",
    "mail/layout.subject.txt": "To {% block body %}{% endblock %}",
    "mail/layout.txt": "{% block body %}{% endblock %}\n\n\n\n  --\n{{ language }}",
    "mail/layout.html": "<title>{{ subject }}</title><p>{% block body %}{% endblock %}</p>",
}


@pytest.fixture(autouse=True)
def rendered(monkeypatch):
    """The names of the templates rendered, in order, starting with an empty cache."""
    names = []

    class RecordingEngine(Engine):
        def get_template(self, template_name):
            names.append(template_name)
            return super().get_template(template_name)

    engine = RecordingEngine(loaders=[("django.template.loaders.locmem.Loader", TEMPLATES)])
    monkeypatch.setattr(Engine, "get_default", lambda: engine)
    rendering.render_with_markers.cache_clear()
    yield names
    rendering.render_with_markers.cache_clear()


def render(name="Alma", **facts):
    return render_email("hello", {"seats": 3, **facts}, {"name": name}, layout="mail/layout")


def test_email_is_rendered_as_subject_text_and_html():
    assert render() == ("To Alma has 3.", "Alma has 3.\n\n--\nen\n", "<title>To Alma has 3.</title><p>Alma has 3.</p>")


def test_emails_differing_only_in_personal_values_are_rendered_once(rendered):
    assert [render(name).body_text for name in ("Alma", "Jun", "")] == [
        "Alma has 3.\n\n--\nen\n",
        "Jun has 3.\n\n--\nen\n",
        " has 3.\n\n--\nen\n",
    ]
    assert len(rendered) == 1


def test_email_is_rendered_again_if_facts_language_or_postal_address_change(rendered, settings):
    assert render(seats=4).subject == "To Alma has 4."
    assert render(seats=5).subject == "To Alma has 5."
    with translation.override("es"):
        assert render(seats=5).body_text.endswith("\nes\n")
    settings.MAIL_POSTAL_ADDRESS = "elsewhere"
    render(seats=5)
    assert len(rendered) == 4


def test_values_are_escaped_only_in_html_and_kept_on_one_line():
    email = render("<b>A & B</b>\r\nBcc: x")
    assert email.subject == "To <b>A & B</b> Bcc: x has 3."
    assert email.body_text.startswith("<b>A & B</b> Bcc: x has 3.\n")
    assert email.body_html == (
        "<title>To &lt;b&gt;A &amp; B&lt;/b&gt; Bcc: x has 3.</title><p>&lt;b&gt;A &amp; B&lt;/b&gt; Bcc: x has 3.</p>"
    )


def test_values_that_look_like_markers_are_kept_as_text():
    markers = rendering.marker("name") + rendering.marker("secret")
    assert render(markers).subject == f"To {markers} has 3."


def test_subject_is_shortened():
    assert render("s" * 300).subject == "To " + "s" * 196 + "…"


def test_unhashable_fact_is_refused():
    with pytest.raises(TypeError, match="unhashable"):
        render(seats=[1])


def test_cache_size_is_bounded():
    for seats in range(MAX_CACHED + 5):
        render(seats=seats)
    assert rendering.render_with_markers.cache_info().currsize == MAX_CACHED
