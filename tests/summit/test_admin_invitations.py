"""The list of invitations (filters, search, export) and each invitation's page."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.mail.models import Message
from summit.invitations import responses
from summit.models import Event, Invitation, Rsvp
from tests import factories, snapshots, web_client
from tests.spreadsheets import read_columns, read_rows
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/invitation/"
IGNORED_TABLES = ("accounts.StaffSession",)


@pytest.fixture
def kickoff(db) -> Event:
    return factories.event(kind="kickoff", title="Partner Kick-off", invitation_only=True)


@pytest.fixture
def answered_event(kickoff) -> Event:
    """An event whose contacts accepted, declined, accepted and then declined, or didn't answer."""
    gate = factories.organization("Port Gate Logistics", sector="business")
    alma = factories.person("Alma Reyes", gate, language="es")
    others = [factories.person(name) for name in ("Ben Ochoa", "Chue Vang", "Dee Núñez")]
    factories.write_mailing(kickoff, alma, *others)
    accept(kickoff, "Alma Reyes", 2)
    accept(kickoff, "Chue Vang", 1)
    responses.decline_invitation(invitation_of(kickoff, "Ben Ochoa"), "We count the stock in that week.")
    responses.decline_invitation(invitation_of(kickoff, "Chue Vang"))
    return kickoff


def invitation_of(event: Event, name: str) -> Invitation:
    return event.invitations.select_related("contact", "rsvp").get(contact__name=name)


def accept(event: Event, name: str, size: int) -> None:
    responses.accept_invitation(invitation_of(event, name), Rsvp(name=name), size=size)


def listed_names(staff: Client, query: str = "") -> list[str]:
    return sorted(invitation.contact.name for invitation in staff.get(LIST + query).context["cl"].result_list)


@pytest.mark.slow
def test_list_can_be_searched_and_filtered(subtests, staff, answered_event):
    Message.objects.filter(recipient="dee.núñez@example.org").update(state="rejected", last_error="550 no")
    for query, expected_names in [
        ("", ["Alma Reyes", "Ben Ochoa", "Chue Vang", "Dee Núñez"]),
        ("?answer=accepted", ["Alma Reyes"]),
        ("?answer=declined", ["Ben Ochoa", "Chue Vang"]),
        ("?answer=open", ["Dee Núñez"]),
        ("?answer=~", ["Alma Reyes", "Ben Ochoa", "Chue Vang", "Dee Núñez"]),
        ("?mail=queued", ["Alma Reyes", "Ben Ochoa", "Chue Vang"]),
        ("?mail=rejected", ["Dee Núñez"]),
        ("?mail=none", []),
        ("?q=nunez", ["Dee Núñez"]),
        ("?q=GATE", ["Alma Reyes"]),
        ("?q=ben.ochoa@", ["Ben Ochoa"]),
    ]:
        with subtests.test(query=query, expected_names=expected_names):
            assert listed_names(staff, query) == expected_names


def test_list_shows_answer_and_decline_message(staff, answered_event):
    text = web_client.page_text(staff.get(LIST))
    assert "Alma Reyes Port Gate Logistics" in text
    assert "Accepted 2 - Queued" in text
    assert "Declined - We count the stock in that week. Queued" in text


def test_page_shows_answer_and_message_state_without_the_token(staff, answered_event):
    invited = invitation_of(answered_event, "Ben Ochoa")
    page = staff.get(f"{LIST}{invited.pk}/change/")
    text = web_client.page_text(page)
    for expected_text in (
        "ben.ochoa@example.org",
        "We count the stock in that week.",
        "Partner Kick-off: Audience 1",
        "Queued",
    ):
        assert expected_text in text
    assert invited.token not in page.content.decode()
    assert "2 seats, Confirmed" in web_client.page_text(
        staff.get(f"{LIST}{invitation_of(answered_event, 'Alma Reyes').pk}/change/")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "expected_texts"),
    [
        ("en", ("answer: Not answered → Accepted", "answer: Accepted → Declined", "personal link: – → replaced")),
        ("es", ("respuesta: Sin respuesta → Aceptada", "respuesta: Aceptada → Rechazada", "– → reemplazado")),
    ],
)
def test_history_shows_translated_answer_changes(staff, answered_event, language, expected_texts):
    accept(answered_event, "Chue Vang", 1)
    invited = invitation_of(answered_event, "Chue Vang")
    responses.replace_invitation_link(invited)
    text = web_client.page_text(staff.get(f"{LIST}{invited.pk}/change/", headers={"accept-language": language}))
    for expected_text in expected_texts:
        assert expected_text in text


@pytest.mark.slow
def test_list_and_export_query_count_is_constant(staff, kickoff, django_assert_num_queries):
    factories.write_mailing(kickoff, *(factories.person(f"Person {n:03}") for n in range(3)))
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
        b"".join(staff.get(f"{LIST}list.csv"))
    factories.write_mailing(kickoff, *(factories.person(f"Person {n:03}") for n in range(3, 30)))
    accept(kickoff, "Person 020", 1)
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)
        b"".join(staff.get(f"{LIST}list.csv"))


# The file --------------------------------------------------------------------------------------------------------


def test_export_contains_the_filtered_invitations(staff, answered_event):
    header, *rows = read_rows(staff.get(f"{LIST}list.csv?answer=declined"))
    assert header == [
        *("Event", "Date", "Contact", "Email", "Organization", "Sector", "Language", "Invited", "Answer"),
        *("Confirmed seats", "Waitlisted seats", "Declined", "Message"),
    ]
    assert [(row[2], row[8], row[9], row[12]) for row in rows] == [
        ("Ben Ochoa", "Declined", "", "We count the stock in that week."),
        ("Chue Vang", "Declined", "0", ""),
    ]
    assert read_columns(staff.get(f"{LIST}list.csv?q=nunez"), "Contact", "Answer") == [("Dee Núñez", "Not answered")]


@pytest.mark.slow
def test_csv_and_xlsx_exports_have_the_same_values(staff, answered_event):
    [alma] = read_rows(staff.get(f"{LIST}list.csv?answer=accepted"))[1:]
    assert alma[:7] == [
        *(
            "Partner Kick-off",
            f"{timezone.localdate(answered_event.starts_at)}",
            "Alma Reyes",
            "alma.reyes@example.org",
        ),
        *("Port Gate Logistics", "Business and industry", "Español"),
    ]
    assert alma[8:11] == ["Accepted", "2", "0"]
    sheet = read_rows(staff.get(f"{LIST}list.xlsx?answer=accepted"))[1]
    assert sheet[:7] + sheet[8:11] == alma[:7] + alma[8:11]


def test_empty_export_shows_message(staff, kickoff):
    page = staff.get(f"{LIST}list.csv", follow=True)
    assert "Nothing to export. No records match these filters." in web_client.page_text(page)


def test_export_escapes_spreadsheet_formulas(staff, kickoff):
    responses.decline_invitation(factories.invite(kickoff, factories.person("Alma")), "=1+1")
    assert read_rows(staff.get(f"{LIST}list.csv"))[1][12] == "'=1+1"


# Who may what ----------------------------------------------------------------------------------------------------


def test_invitations_cannot_be_added_changed_or_deleted(staff, answered_event):
    invited, before = invitation_of(answered_event, "Dee Núñez"), snapshots.tables(exclude=IGNORED_TABLES)
    for address, data in (
        (f"{LIST}add/", {"contact": "1"}),
        (f"{LIST}{invited.pk}/change/", {"decline_message": "Mine"}),
        (f"{LIST}{invited.pk}/delete/", {"post": "yes"}),
    ):
        assert staff.post(address, data).status_code == 403
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [invited.pk], "post": "yes"})
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_viewer_can_list_and_export(answered_event):
    client = staff_client("view_invitation")
    assert len(listed_names(client)) == 4
    assert len(read_rows(client.get(f"{LIST}list.csv"))) == 5


@pytest.mark.slow
@pytest.mark.parametrize("address", [LIST, f"{LIST}list.csv", f"{LIST}list.xlsx"])
def test_list_and_export_require_view_permission(answered_event, address):
    assert staff_client("view_event", "view_rsvp", "change_rsvp").get(address).status_code == 403
    assert Client().get(address).status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize("lookup", ["token", "rsvp__token", "contact__pledges__token", "mailing__messages__text"])
def test_list_filters_cannot_reveal_a_token(staff, answered_event, lookup):
    for value in (invitation_of(answered_event, "Alma Reyes").token[0], "~"):
        assert staff.get(f"{LIST}?{lookup}__startswith={value}").status_code in {302, 400}


# A new link ------------------------------------------------------------------------------------------------------


def replace_links(client: Client, *rows: Invitation):
    return web_client.run_action(client, LIST, "replace_links", rows)


def test_replace_links_sends_new_link_and_skips_deleted_invitation(staff, answered_event):
    invitation, deleted = invitation_of(answered_event, "Dee Núñez"), invitation_of(answered_event, "Ben Ochoa")
    Message.objects.update(state="sent", sent_at=timezone.now())
    deleted_pk = Invitation(pk=deleted.pk)
    deleted.delete()
    response = replace_links(staff, invitation)
    assert [str(message) for message in response.context["messages"]] == ["1 personal link replaced."]
    assert Message.objects.filter(state="queued").get().recipient == invitation.contact.email
    assert Invitation.objects.get(pk=invitation.pk).token != invitation.token
    assert "replaced" not in str([str(message) for message in replace_links(staff, deleted_pk).context["messages"]])


@pytest.mark.slow
def test_viewer_cannot_replace_a_link(answered_event):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_invitation"))
    client = Client()
    client.force_login(viewer)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    replace_links(client, invitation_of(answered_event, "Dee Núñez"))
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Where other pages lead to, and what goes with a person ----------------------------------------------------------


@pytest.mark.slow
def test_links_from_other_admin_pages_filter_the_list(staff, answered_event):
    invited = invitation_of(answered_event, "Alma Reyes")
    mailing = f"mailing__id__exact={invited.mailing_id}"
    assert len(listed_names(staff, f"?{mailing}")) == 4
    assert listed_names(staff, f"?contact__id__exact={invited.contact_id}") == ["Alma Reyes"]
    for query in (mailing, f"{mailing}&state__in=rejected,failed"):
        assert staff.get(f"/imagine/admin/mail/message/?{query}").status_code == 200
    page = staff.get(f"/imagine/admin/partners/contact/{invited.contact_id}/change/")
    assert f"{LIST}?contact__id__exact={invited.contact_id}" in page.content.decode()


def test_deleting_a_contact_deletes_its_invitation_and_messages(staff, answered_event):
    invited = invitation_of(answered_event, "Dee Núñez")
    address = f"/imagine/admin/partners/contact/{invited.contact_id}/delete/"
    assert "Delete 1 contact?" in web_client.page_text(staff.get(address))
    assert staff.post(address, {"post": "yes"}).status_code == 302
    assert not Invitation.objects.filter(pk=invited.pk).exists()
    assert not Message.objects.filter(recipient=invited.contact.email).exists()


@pytest.mark.slow
def test_deleting_an_organization_deletes_invitations_of_its_contacts(staff, answered_event):
    gate = invitation_of(answered_event, "Alma Reyes").contact.organization
    address = f"/imagine/admin/partners/organization/{gate.pk}/delete/"
    assert staff.post(address, {"post": "yes"}).status_code == 302
    assert listed_names(staff) == ["Ben Ochoa", "Chue Vang", "Dee Núñez"]
