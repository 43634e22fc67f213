"""Saving, signing and changing pledges: each works, can be repeated, and is refused when it must be."""

import pytest
from django.utils import timezone, translation

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.links import LinkNotFound
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear, PromiseType, School, Signature
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges.editing import InvalidPromises, NothingPromised, PledgeAlreadySigned, PledgeChanged
from partners.pledges.page_state import PledgeClosed
from partners.pledges.promises import PromiseData
from tests import factories, snapshots

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + b"the rest"


def message_of(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


# Save ------------------------------------------------------------------------------------------------------------


def test_first_save_creates_organization_contact_and_draft_and_keeps_the_link():
    token = factories.pledge_request().token
    school = factories.school()
    tours = factories.promise_data(
        "tours", 6, grades=("9-12",), months=(3, 10), schools=(school,), note="In the morning"
    )
    data = factories.pledge_data(token, tours, sector="business", website="https://www.example.org", wants_listing=True)
    pledge = pledge_editing.save_draft(token, **data)
    organization = pledge.organization
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "draft", 1)]
    assert snapshots.promises(pledge) == [("tours", 6, ["9-12"], [10, 3], ["Cesar Chavez High"], "In the morning")]
    assert (organization.sector, organization.website, organization.wants_listing) == (
        "business",
        "https://www.example.org",
        True,
    )
    assert organization.slug == "port-gate-logistics"
    contact = Contact.objects.get()
    assert (contact.name, contact.email, contact.is_primary, contact.organization) == (
        "Alma Reyes",
        "alma@example.org",
        True,
        organization,
    )
    assert (pledge.token, pledge.contact, pledge.signed_at) == (token, contact, None)
    assert not PledgeRequest.objects.exists()
    assert snapshots.emails_to() == ["link 1 alma@example.org"]


def test_first_save_returns_a_pledge_that_passes_full_clean():
    pledge = factories.draft_pledge()
    pledge.full_clean(
        exclude=["changed_at"]
    )  # otherwise its link would belong to someone else; the time is from the database


def test_opening_a_link_writes_nothing():
    token = factories.pledge_request().token
    page_state.load_page_state(token)
    assert (snapshots.organizations(), snapshots.pledges()) == ([], [])
    state = page_state.load_page_state(token)
    assert state.profile["name"] == "Port Gate Logistics"
    assert state.contact == {"name": "Alma Reyes", "role": "", "phone": "", "language": "en"}
    assert (state.pledge, state.promises, state.year.pk, state.is_open) == (None, [], 2027, True)


def test_first_save_submitted_twice_creates_one_pledge():
    token = factories.pledge_request().token
    data = factories.pledge_data(token, factories.promise_data())
    first, second = pledge_editing.save_draft(token, **data), pledge_editing.save_draft(token, **data)
    assert first == second
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "draft", 1)]


def test_saving_a_draft_again_keeps_rows_of_remaining_promises():
    pledge = factories.draft_pledge(promises=(factories.promise_data("tours", 6), factories.promise_data("mentors", 4)))
    promise_pk = pledge.promises.get(promise_type__code="tours").pk
    changed = factories.pledge_data(
        pledge.token, factories.promise_data("tours", 8), factories.promise_data("service", 1)
    )
    pledge_editing.save_draft(pledge.token, **changed)
    assert snapshots.promised_amounts(pledge) == {"tours": 8, "service": 1}
    assert pledge.promises.get(promise_type__code="tours").pk == promise_pk
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "draft", 2)]


def test_schools_change_without_touching_other_promises():
    one, other = factories.school("Stagg High"), factories.school("Edison High")
    both = (
        factories.promise_data("tours", 1, schools=(one,)),
        factories.promise_data("mentors", 2, schools=(one, other)),
    )
    pledge = factories.draft_pledge(promises=both)
    promise_schools = School.promises.through.objects
    untouched = set(promise_schools.filter(promise__promise_type__code="mentors").values_list("pk", flat=True))
    pledge_editing.save_draft(
        pledge.token,
        **factories.pledge_data(pledge.token, factories.promise_data("tours", 1, schools=(other,)), both[1]),
    )
    assert [(row[0], row[4]) for row in snapshots.promises(pledge)] == [
        ("tours", ["Edison High"]),
        ("mentors", ["Edison High", "Stagg High"]),
    ]
    assert set(promise_schools.filter(promise__promise_type__code="mentors").values_list("pk", flat=True)) == untouched


def test_draft_may_have_no_promises():
    token = factories.pledge_request().token
    data = factories.pledge_data(token) | {"promised": []}
    assert snapshots.promised_amounts(pledge_editing.save_draft(token, **data)) == {}


def test_unknown_link_raises_link_not_found():
    factories.pledge_request()
    for function in (
        page_state.load_page_state,
        lambda token: pledge_editing.save_draft(token, version="", profile={}, contact={}, promised=[]),
    ):
        with pytest.raises(LinkNotFound):
            function("A" * 32)


def test_pledge_of_a_closed_year_cannot_be_changed():
    pledge = factories.signed_pledge()
    data = factories.pledge_data(pledge.token, factories.promise_data("tours", 99))
    factories.close_year()
    for _twice in range(2):
        with pytest.raises(PledgeClosed) as error:
            pledge_editing.sign_pledge(pledge.token, **data, name="Alma Reyes")
    assert message_of(error) == "Promises for this school year are closed, so they can’t be changed."
    assert snapshots.promised_amounts(pledge) == {"tours": 6}
    assert not page_state.load_page_state(pledge.token).is_open


def test_new_pledge_for_a_closed_year_is_refused():
    token = factories.pledge_request().token
    data = factories.pledge_data(token, factories.promise_data())
    factories.close_year()
    with pytest.raises(PledgeClosed):
        pledge_editing.save_draft(token, **data)
    assert snapshots.organizations() == []


def test_saving_before_the_year_opens_is_refused():
    tomorrow = timezone.localdate() + timezone.timedelta(days=1)
    pledge = factories.draft_pledge()
    PledgeYear.objects.update(opens_on=tomorrow)
    with pytest.raises(PledgeClosed):
        pledge_editing.save_draft(
            pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 7))
        )


# Sign ------------------------------------------------------------------------------------------------------------


def test_signing_saves_the_version_and_emails_it():
    school = factories.school("Edison High")
    promises = (
        factories.promise_data("tours", 1, grades=("9-12",), months=(9,), schools=(school,), note="Bring shoes"),
    )
    pledge = factories.signed_pledge(promises=(*promises, factories.promise_data("mentors", 4)))
    assert (pledge.signed_by, pledge.signed_role, pledge.state) == ("Alma Reyes", "Owner", "signed")
    [signature] = Signature.objects.all()
    assert (signature.number, signature.signed_by, signature.signed_role) == (1, "Alma Reyes", "Owner")
    assert signature.signed_at == pledge.signed_at
    tours, mentors = signature.content.pop("promises")
    assert signature.content == {"organization": "Port Gate Logistics", "sector": "", "school_year": 2027}
    assert tours == {
        "promise_type": "tours",
        "name": "Host tours and field trips",
        "name_es": "Recibir visitas y excursiones",
        "quantity": 1,
        "unit": "visit",
        "unit_es": "visita",
        "grades": ["9-12"],
        "months": [9],
        "schools": ["Edison High"],
        "note": "Bring shoes",
        "needs_clearance": False,
    }
    assert (mentors["unit_es"], mentors["schools"], mentors["needs_clearance"]) == ("estudiantes", [], True)
    assert snapshots.emails_to() == ["link 1 alma@example.org", "signed 1 alma@example.org"]


def test_signing_submitted_twice_signs_and_emails_once():
    token = factories.pledge_request().token
    data = factories.pledge_data(token, factories.promise_data())
    first, second = (pledge_editing.sign_pledge(token, **data, name="Alma Reyes") for _twice in range(2))
    assert (first.pk, first.version) == (second.pk, second.version)
    assert Signature.objects.count() == 1
    assert snapshots.emails_to().count("signed 1 alma@example.org") == 1


def test_signing_again_changes_the_pledge_and_keeps_every_version():
    pledge = factories.signed_pledge(
        promises=(factories.promise_data("tours", 6), factories.promise_data("service", 1))
    )
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 8)), name="Chue Vang"
    )
    pledge.refresh_from_db()
    assert (pledge.signed_by, pledge.signed_role, pledge.version) == ("Chue Vang", "", 2)
    promise_pk = [
        (s.number, s.signed_by, {p["promise_type"]: p["quantity"] for p in s.content["promises"]})
        for s in Signature.objects.order_by("number")
    ]
    assert promise_pk == [(1, "Alma Reyes", {"tours": 6, "service": 1}), (2, "Chue Vang", {"tours": 8})]
    assert snapshots.emails_to()[-1] == "signed 2 alma@example.org"


def test_signed_pledge_cannot_be_saved_as_a_draft():
    pledge = factories.signed_pledge()
    with pytest.raises(PledgeAlreadySigned):
        pledge_editing.save_draft(
            pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 8))
        )
    assert snapshots.promised_amounts(pledge) == {"tours": 6}


def test_another_signature_on_unchanged_promises_is_saved():
    pledge = factories.signed_pledge()
    pledge_editing.sign_pledge(pledge.token, **factories.pledge_data(pledge.token), name="Chue Vang")
    assert [s.signed_by for s in Signature.objects.order_by("number")] == ["Alma Reyes", "Chue Vang"]


def test_signing_without_promises_is_refused():
    token = factories.pledge_request().token
    with pytest.raises(NothingPromised):
        pledge_editing.sign_pledge(token, **(factories.pledge_data(token) | {"promised": []}), name="Alma Reyes")
    assert snapshots.pledges() == []


def test_signed_content_is_unchanged_when_names_change():
    pledge = factories.signed_pledge()
    PromiseType.objects.update(name="Other words", unit_plural="other things")
    Organization.objects.update(name="Other name")
    content = pledge.signatures.get().content
    assert (content["organization"], content["promises"][0]["name"]) == (
        "Port Gate Logistics",
        "Host tours and field trips",
    )


def test_emails_use_the_language_the_pledge_was_signed_in():
    token = factories.pledge_request(language="es").token
    pledge = pledge_editing.sign_pledge(
        token, **factories.pledge_data(token, factories.promise_data()), name="Alma Reyes", language="en"
    )
    assert pledge.language == "en"
    assert list(Message.objects.order_by("created_at", "object_id").values_list("language", flat=True)) == ["es", "en"]


# Wrong -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"quantity": 0}, ("quantity", "Enter a whole number from 1 to 100,000.")),
        ({"quantity": 100_001}, ("quantity", "Enter a whole number from 1 to 100,000.")),
        ({"grades": ("13",)}, ("grades", "Choose grades from the list.")),
        ({"months": (13,)}, ("months", "Choose months from the list.")),
        ({"note": "x" * 501}, ("note", "Shorten the note to 500 characters or fewer.")),
    ],
)
def test_invalid_promise_is_refused_with_an_error_on_its_field(fields, problem):
    token, wrong = factories.pledge_request().token, factories.promise_data("tours", **fields)
    with pytest.raises(InvalidPromises) as error:
        pledge_editing.save_draft(token, **factories.pledge_data(token, factories.promise_data("mentors", 1), wrong))
    assert error.value.problems == [(wrong.promise_type, 1, *problem)]
    assert message_of(error) == problem[1]
    assert snapshots.organizations() == []


def test_all_invalid_promises_are_reported_together():
    token = factories.pledge_request().token
    wrong = [
        factories.promise_data("tours", 0),
        factories.promise_data("mentors", 0),
        factories.promise_data("mentors", 100_001),
    ]
    with pytest.raises(InvalidPromises) as error:
        pledge_editing.save_draft(token, **factories.pledge_data(token, *wrong))
    assert [(p.promise_type, p.position, p.field) for p in error.value.problems] == [
        (wrong[0].promise_type, 1, "quantity"),
        (wrong[1].promise_type, 1, "quantity"),
        (wrong[2].promise_type, 2, "quantity"),
    ]


def test_school_that_does_not_teach_the_grades_is_refused_by_name():
    token, high = factories.pledge_request().token, factories.school("Edison High")
    primary = factories.school("Rio Calaveras Elementary", "elementary")
    wrong = factories.promise_data("tours", 1, grades=("1-3", "4-6"), schools=(high, primary))
    with pytest.raises(InvalidPromises) as error:
        pledge_editing.save_draft(token, **factories.pledge_data(token, wrong))
    assert error.value.problems == [
        (
            wrong.promise_type,
            1,
            "schools",
            "Edison High doesn’t have these grades. Choose a different school or different grades.",
        )
    ]
    valid = factories.promise_data("tours", 1, grades=("1-3", "9-12"), schools=(high, primary))
    assert pledge_editing.save_draft(token, **factories.pledge_data(token, valid)).promises.count() == 1


def test_retired_type_and_school_are_refused_unless_already_promised():
    school = factories.school("Edison High")
    pledge = factories.draft_pledge(promises=(factories.promise_data("tours", 6, schools=(school,)),))
    PromiseType.objects.filter(code__in=["tours", "service"]).update(is_retired=True)
    School.objects.update(is_retired=True)
    expected_promise = factories.promise_data("tours", 7, schools=(school,))
    pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token, expected_promise))
    assert snapshots.promises(pledge)[0][1:5:3] == (7, ["Edison High"])
    for wrong in (factories.promise_data("service", 1), factories.promise_data("mentors", 1, schools=(school,))):
        with pytest.raises(InvalidPromises):
            pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token, expected_promise, wrong))


def test_unknown_promise_type_and_school_are_refused():
    token = factories.pledge_request().token
    tours = factories.promise_data().promise_type
    for wrong, field in (
        (PromiseData(999_999, 1), "promise_type"),
        (PromiseData(tours, 1, schools=(999_999,)), "schools"),
    ):
        with pytest.raises(InvalidPromises) as error:
            pledge_editing.save_draft(token, **factories.pledge_data(token, wrong))
        assert [(p.promise_type, p.field) for p in error.value.problems] == [(wrong.promise_type, field)]


# Two editors -----------------------------------------------------------------------------------------------------


def test_second_editor_must_see_the_differences_before_saving():
    school = factories.school("Edison High")
    pledge = factories.signed_pledge(
        promises=(factories.promise_data("tours", 6), factories.promise_data("mentors", 4))
    )
    page = factories.pledge_data(pledge.token)
    other_data = factories.pledge_data(
        pledge.token, factories.promise_data("tours", 8, schools=(school,)), phone="(209) 555-0100"
    )
    pledge_editing.sign_pledge(pledge.token, **other_data, name="Chue Vang")
    own_data = page | {
        "promised": [factories.promise_data("tours", 6), factories.promise_data("service", 2, months=(9, 1))]
    }
    for _twice in range(2):
        with pytest.raises(PledgeChanged) as error:
            pledge_editing.sign_pledge(pledge.token, **own_data, name="Alma Reyes")
    assert error.value.differences == [
        ("phone", "(209) 555-0100", "–"),
        ("Host tours and field trips", "8 visits; Edison High", "6 visits; wherever it is needed most"),
        (
            "Assist in service-learning projects",
            "–",
            "2 projects; Sep, Jan; wherever it is needed most",
        ),
    ]
    assert snapshots.promised_amounts(pledge) == {"tours": 8}
    version = error.value.state.version
    pledge_editing.sign_pledge(pledge.token, **(own_data | {"version": version}), name="Alma Reyes")
    assert snapshots.promised_amounts(pledge) == {"tours": 6, "service": 2}


def test_profile_change_by_staff_raises_pledge_changed():
    pledge = factories.draft_pledge()
    page = factories.pledge_data(pledge.token, factories.promise_data("tours", 7))
    profiles.change_organization(pledge.organization, sector="labor")
    with pytest.raises(PledgeChanged) as error:
        pledge_editing.save_draft(pledge.token, **page)
    assert ("sector", "Labor", "–") in error.value.differences


def test_differences_are_in_the_active_language():
    pledge = factories.draft_pledge()
    page = factories.pledge_data(pledge.token, factories.promise_data("tours", 7), wants_listing=True)
    pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 8)))
    with translation.override("es"), pytest.raises(PledgeChanged) as error:
        pledge_editing.save_draft(pledge.token, **page)
    assert error.value.differences == [
        ("quiere aparecer en el directorio", "no", "sí"),
        (
            "Recibir visitas y excursiones",
            "8 visitas; donde más haga falta",
            "7 visitas; donde más haga falta",
        ),
    ]


def test_two_editors_saving_the_same_changes_do_not_conflict():
    pledge = factories.draft_pledge()
    page = factories.pledge_data(pledge.token, factories.promise_data("tours", 8))
    for _each in range(2):
        pledge_editing.save_draft(pledge.token, **page)
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "draft", 2)]


# Profile ---------------------------------------------------------------------------------------------------------


def test_changing_the_description_requires_new_approval():
    pledge = factories.signed_pledge()
    profiles.approve_listing(pledge.organization, by="anna")
    for fields, approved in (
        ({"phone": "(209) 555-0100"}, True),
        ({"wants_listing": True}, True),
        ({"description": "Ships"}, False),
    ):
        pledge_editing.sign_pledge(pledge.token, **factories.pledge_data(pledge.token, **fields), name="Alma Reyes")
        assert (Organization.objects.get().approved_at is not None) is approved, fields
    assert list(Organization.objects.pending_approval()) == [pledge.organization]


def test_name_changed_by_staff_stays_approved():
    organization = profiles.approve_listing(factories.organization(), by="anna")
    with audit.as_actor(audit.Actor("staff", "anna")):
        profiles.change_organization(organization, name="Port Gate")
    assert Organization.objects.get().approved_by == "anna"


def test_new_logo_requires_approval_and_is_kept_until_removed():
    pledge = factories.draft_pledge()
    profiles.approve_listing(pledge.organization, by="anna")
    pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token), logo=PNG)
    organization = Organization.objects.get()
    assert (organization.logo.width, organization.logo.height, bytes(organization.logo.png)) == (640, 480, PNG)
    assert not organization.approved_at
    profiles.approve_listing(organization, by="anna")
    pledge_editing.save_draft(
        pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 7)), logo=PNG
    )
    pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 8)))
    assert Organization.objects.get().approved_at
    pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token), logo=b"")
    assert not hasattr(Organization.objects.get(), "logo")


def test_saving_corrects_the_contact_but_does_not_recreate_a_deleted_one():
    pledge = factories.draft_pledge()
    page = factories.pledge_data(pledge.token)
    page["contact"] = {"name": "Alma R. Reyes", "role": "Owner", "phone": "(209) 555-0101"}
    pledge_editing.save_draft(pledge.token, **page)
    contact = Contact.objects.get()
    assert (contact.name, contact.role, contact.phone) == ("Alma R. Reyes", "Owner", "(209) 555-0101")
    contact.delete()
    pledge = pledge_editing.sign_pledge(pledge.token, **factories.pledge_data(pledge.token), name="Alma Reyes")
    assert (pledge.contact, Contact.objects.count()) == (None, 0)
    assert snapshots.emails_to() == ["link 1 alma@example.org"]


def test_organizations_with_one_name_get_unique_slugs():
    slugs = [factories.organization(name).slug for name in ("Local 47", "Local 47", "Local-47", "ក្រុម", "x" * 120)]
    assert slugs == ["local-47", "local-47-2", "local-47-3", "partner", "x" * 60]


def test_invalid_website_is_not_mistaken_for_a_taken_slug():
    with pytest.raises(Exception, match="organization_website_is_a_web_address"):
        profiles.create_organization(name="Port Gate", website="javascript:alert(1)")


def test_approving_and_withdrawing_approval_again_changes_nothing():
    organization = factories.organization()
    for _twice in range(2):
        profiles.approve_listing(organization, by="anna")
    first = Organization.objects.get().approved_at
    profiles.approve_listing(organization, by="bert")
    assert (Organization.objects.get().approved_at, Organization.objects.get().approved_by) == (first, "anna")
    for _twice in range(2):
        profiles.withdraw_approval(organization)
    assert Organization.objects.get().approved_at is None
    assert snapshots.changes(organization)[1:] == [{"approved_at": [False, True]}, {"approved_at": [True, False]}]


# History ---------------------------------------------------------------------------------------------------------


def test_history_records_who_changed_what():
    school = factories.school("Edison High")
    with audit.as_actor(audit.GUEST):
        pledge = factories.draft_pledge(language="es")
        data = factories.pledge_data(
            pledge.token, factories.promise_data("tours", 8, schools=(school,)), sector="labor"
        )
        with translation.override("es"):
            pledge_editing.sign_pledge(pledge.token, **data, name="Alma Reyes", role="Owner")
    tours = "Host tours and field trips"
    assert snapshots.changes(pledge) == [
        {tours: ["", "6 visits; wherever it is needed most"]},
        {
            "signed_by": ["", "Alma Reyes"],
            "signed_role": ["", "Owner"],
            tours: ["6 visits; wherever it is needed most", "8 visits; Edison High"],
        },
    ]
    assert snapshots.changes(pledge.organization) == [
        {"name": ["", "Port Gate Logistics"]},
        {"sector": ["", "labor"]},
    ]
    assert snapshots.changes(pledge.contact) == [{"name": ["", "Alma Reyes"], "email": ["", "alma@example.org"]}]
    table = audit.history_table(pledge, guest="partner")
    assert "Partner" in table
    assert "Guest" not in table
    assert "8 visits; Edison High" in table


def test_deleting_a_pledge_deletes_its_signatures_emails_and_history():
    pledge = factories.signed_pledge()
    pledge_editing.delete_pledge(pledge)
    assert snapshots.emails_to() == ["link 1 alma@example.org"]
    assert (snapshots.pledges(), Signature.objects.count(), snapshots.changes(pledge)) == ([], 0, [])
    assert snapshots.organizations() == ["Port Gate Logistics"]


def test_pledge_errors_are_rule_violations():
    for exception in (LinkNotFound, PledgeClosed, PledgeAlreadySigned, NothingPromised, PledgeChanged, InvalidPromises):
        assert issubclass(exception, RuleViolation)
    assert Pledge.objects.count() == 0
