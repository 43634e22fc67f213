"""The admin page for editing email templates: saving, validation, preview, default text, and concurrent editors."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagine.core.models import AuditEntry
from imagine.mail import editable_templates
from imagine.mail.editable_templates import TEMPLATES, TemplateText
from imagine.mail.models import TemplateOverride
from tests import snapshots, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/mail/templateoverride/"
PAGE = f"{LIST}reminder_week/"
TEMPLATE = TEMPLATES["reminder_week"]


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("office"))
    return client


def form_data(client: Client) -> dict[str, str]:
    return web_client.form_fields(client.get(PAGE))


def save_form(client: Client, button: str = "_save", **changed: str):
    """Open the page, change fields such as en_text, and press a button."""
    fields = {name.replace("_", "-", 1): text for name, text in changed.items()}
    return client.post(PAGE, form_data(client) | fields | {button: "1"})


def errors(response) -> dict[str, list[str]]:
    forms = [column.form for column in response.context["columns"]]
    return {f"{form.language}_{name}": list(messages) for form in forms for name, messages in form.errors.items()}


def test_list_shows_each_template_and_who_changed_it(staff):
    editable_templates.save_text(TEMPLATES["thanks"], "es", TemplateText("Gracias", "Gracias."), changed_by="office")
    page = web_client.page_text(staff.get(LIST))
    for kind in TEMPLATES.values():
        assert str(kind.title) in page
    assert page.count("Default text") == len(TEMPLATES) - 1
    assert "Español: edited by office, " in page


def test_custom_text_is_saved_and_used_from_then_on(staff):
    response = save_form(staff, en_subject="See you {soon}", en_text="Dear {name},\r\n\r\nbring a pen.")
    assert (response.status_code, response["Location"]) == (302, PAGE)
    row = TemplateOverride.objects.active().get()
    assert (row.language, row.subject, row.text, row.changed_by) == (
        *("en", "See you {soon}"),
        *("Dear {name},\n\nbring a pen.", "office"),
    )
    page = web_client.page_text(staff.get(PAGE))
    assert "Saved. The new text will be used from the next email on." in page
    assert "See you {soon}: {event}, {day} → See you {soon}" in page


def test_saving_unchanged_text_changes_nothing(staff):
    excluded = ("accounts.StaffSession", "mail.TemplateOverride")
    before = snapshots.tables(exclude=excluded)
    response = save_form(staff)
    assert response.status_code == 302
    assert snapshots.tables(exclude=excluded) == before
    assert not TemplateOverride.objects.active().exists()


@pytest.mark.slow
def test_invalid_text_is_shown_again_with_its_error(subtests, staff):
    for button in ["_save", "_preview"]:
        for field, text, sentence in [
            ("en_text", "Dear {nmae}", "{nmae} isn’t a placeholder of this email. Did you mean {name}?"),
            ("es_text", "Hola {name", "Placeholders need both braces, like {event}."),
            ("en_text", "<script>alert(1)</script>", "Use plain text without HTML. Remove “<script>”."),
            ("en_text", "", "Enter the text of the email, or select “Restore default text”."),
            ("es_subject", "", "Enter a subject."),
            ("en_subject", "Hello\r\nBcc: all@example.org", "Enter the subject on one line."),
            ("en_subject", "x" * 151, "Ensure this value has at most 150 characters (it has 151)."),
            ("en_text", "x" * 4001, "Ensure this value has at most 4000 characters (it has 4001)."),
        ]:
            with subtests.test(button=button, field=field, text=text, sentence=sentence):
                response = save_form(
                    staff, button, **{field: text, "es_subject" if field != "es_subject" else "en_subject": "Kept"}
                )
                assert response.status_code == 200
                assert errors(response) == {field: [sentence]}
                page = response.content.decode()
                assert web_client.page_title(page).startswith("Error:")
                assert "Fix the errors to see a preview." in page
                assert 'value="Kept"' in page
                assert "<script>alert" not in page
                assert not TemplateOverride.objects.active().exists()


def test_preview_shows_what_was_typed_and_saves_nothing(staff):
    response = save_form(staff, "_preview", en_subject="See you {soon}", en_text="Dear {name}, look at {link}.")
    assert response.status_code == 200
    english, spanish = response.context["columns"]
    assert english.email.subject == "See you in 7 days"
    assert "Dear Alma Reyes, look at (each recipient’s personal link)." in english.email.body_text
    assert spanish.email.subject.startswith("Nos vemos dentro de 7 días: Reunión de inicio de Imagine Promise")
    page = response.content.decode()
    assert page.count("<iframe") == 2
    assert "See you {soon}" in page  # the field keeps the typed text
    assert not TemplateOverride.objects.active().exists()
    assert not AuditEntry.objects.exists()


def test_preview_frames_follow_the_content_security_policy(staff):
    response = staff.get(PAGE)
    policy, page = response["Content-Security-Policy"], response.content.decode()
    [nonce] = set(re.findall(r"&lt;style nonce=&quot;([^&]+)&quot;&gt;", page))
    assert f"'nonce-{nonce}'" in policy.partition("style-src")[2].partition(";")[0]
    assert "unsafe-inline" not in policy
    assert "href=&quot;" not in page
    assert " style=&quot;" not in page
    assert page.count("sandbox") == 2


@pytest.mark.slow
def test_button_restores_the_default_text(staff):
    assert "Restore default text" not in staff.get(PAGE).content.decode()
    save_form(staff, en_subject="Mine", es_subject="Mía")
    assert TemplateOverride.objects.active().count() == 2
    assert "Restore default text" in staff.get(PAGE).content.decode()
    for _twice in range(2):
        assert save_form(staff, "_restore").status_code == 302
    assert not TemplateOverride.objects.active().exists()
    assert AuditEntry.objects.count() == 4


def test_saved_text_that_became_invalid_is_reported(staff):
    TemplateOverride.objects.create(template="reminder_week", language="en", subject="Hello", text="Dear {somebody},")
    assert (
        "This text uses a placeholder that no longer exists, so the default text is being sent."
        in web_client.page_text(staff.get(LIST))
    )
    response = staff.get(PAGE)
    english, _spanish = response.context["columns"]
    error = "This text uses a placeholder that no longer exists, so the default text is being sent."
    assert english.notes[0] == error
    assert english.notes[1].startswith("{somebody} isn’t a placeholder of this email.")
    assert english.email.subject.startswith("See you in 7 days: Imagine Promise Kickoff")
    assert "Dear {somebody}," in response.content.decode()


# Two editors -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_conflicting_edit_is_refused_once_and_shows_the_other_text(staff):
    own_form = form_data(staff)
    save_form(staff, en_text="Theirs.")
    response = staff.post(PAGE, own_form | {"en-text": "Mine."})
    assert response.status_code == 200
    messages = errors(response)["en_text"]
    assert messages == ["Someone else changed this to “Theirs.” while you were editing. Save again to keep yours."]
    assert "Your changes aren’t saved yet. Review both, then save again." in web_client.page_text(response)
    assert TemplateOverride.objects.active().get().text == "Theirs."
    staff.post(PAGE, web_client.form_fields(response))
    assert TemplateOverride.objects.active().get().text == "Mine."


@pytest.mark.slow
def test_fields_only_the_other_editor_changed_are_kept(staff):
    own_form = form_data(staff)
    save_form(staff, en_subject="Theirs", es_text="Suyo.")
    assert staff.post(PAGE, own_form | {"en-text": "Mine."}).status_code == 302
    english, spanish = TemplateOverride.objects.active().order_by("language")
    assert (english.subject, english.text) == ("Theirs", "Mine.")
    assert spanish.text == "Suyo."


def test_restoring_default_text_does_not_overwrite_unseen_changes(staff):
    save_form(staff, en_text="First.")
    own_form = form_data(staff)
    save_form(staff, en_text="Theirs.")
    response = staff.post(PAGE, own_form | {"_restore": "1"})
    assert "Nothing was restored. This is the text now." in web_client.page_text(response)
    assert "Theirs." in response.content.decode()
    assert TemplateOverride.objects.active().get().text == "Theirs."


def test_post_without_original_values_does_not_overwrite_unseen_text(staff):
    save_form(staff, en_text="Theirs.")
    response = staff.post(PAGE, {"en-subject": "a", "en-text": "b", "es-subject": "c", "es-text": "d"})
    assert response.status_code == 200
    assert TemplateOverride.objects.active().get().text == "Theirs."


# Permissions -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_viewer_can_read_but_not_change(staff):
    data = form_data(staff) | {"en-text": "Mine."}
    client = staff_client("view_templateoverride")
    page = client.get(PAGE).content.decode()
    assert "disabled" in page
    assert 'name="_save"' not in page
    assert client.post(PAGE, data).status_code == 403
    assert client.get(LIST).status_code == 200
    assert not TemplateOverride.objects.active().exists()


def test_others_are_denied_and_unknown_templates_are_404(staff):
    client = staff_client("view_message")
    assert client.get(PAGE).status_code == 403
    assert client.get(LIST).status_code == 403
    assert Client().get(PAGE).status_code == 302
    for address in (f"{LIST}nothing/", f"{LIST}add/"):
        assert staff.get(address).status_code == 404


@pytest.mark.parametrize("action", ["change", "delete"])
def test_built_in_admin_views_cannot_change_or_delete_text(staff, action):
    editable_templates.save_text(TEMPLATES["thanks"], "es", TemplateText("Gracias", "Gracias."), changed_by="office")
    row = TemplateOverride.objects.active().get()
    before = snapshots.tables()
    fields = {
        "template": row.template,
        "language": "es",
        "subject": "Gracias",
        "text": "<script>x</script>",
        "post": "yes",
    }
    for reply in (staff.get(f"{LIST}{row.pk}/{action}/"), staff.post(f"{LIST}{row.pk}/{action}/", fields)):
        assert reply.status_code in {403, 404}
    assert snapshots.tables() == before
