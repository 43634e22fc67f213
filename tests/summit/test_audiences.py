"""Who is in an audience, and who is excluded for an event and why."""

import pytest
from django.utils import timezone

from imagine.mail import preferences
from partners.models import Contact, Organization, PromiseType
from summit import seats
from summit.invitations import audience_query
from summit.invitations.audience_query import Reason
from summit.models import Audience, Event, Guest, Invitation
from tests import factories

pytestmark = pytest.mark.django_db


def names(audience: Audience, event: Event, **options) -> list[str]:
    return [person.name for person in audience_query.audience_people(audience, event, **options)]


def reasons(audience: Audience, event: Event) -> dict[str, str]:
    return {person.name: person.reason for person in audience_query.audience_people(audience, event)}


def contact(name: str, of: Organization | None = None, **fields) -> Contact:
    fields = {"email": f"{name.lower().replace(' ', '.')}@example.org"} | fields
    if of is None:
        return Contact.objects.create(name=name, **fields)
    return factories.contact(of, name=name, **fields)


# Partners --------------------------------------------------------------------------------------------------------


@pytest.fixture
def delta():
    """Four partners: two signed for 2027 (one for a school), one draft, and one signed for the previous year."""
    school = factories.school()
    factories.pledge_signed_last_year("Yesterday Farms", "yes@example.org", (factories.promise_data("tours"),))
    factories.signed_pledge("Port Gate", "port@example.org", (factories.promise_data("tours", schools=(school,)),))
    factories.signed_pledge("Union Hall", "union@example.org", (factories.promise_data("mentors"),))
    factories.draft_pledge("Slow Bank", "slow@example.org", (factories.promise_data("tours"),))
    Organization.objects.filter(name="Port Gate").update(sector="business")
    Organization.objects.filter(name="Union Hall").update(sector="labor")
    return school


def emails(audience: Audience, event: Event) -> list[str]:
    return sorted(person.email.partition("@")[0] for person in audience_query.audience_people(audience, event))


def test_school_year_includes_only_signed_pledges(delta):
    audience = factories.audience(pledge_year_id=2027)
    assert emails(audience, factories.event()) == ["port", "union"]


@pytest.mark.slow
def test_drafts_are_included_when_requested(delta):
    audience = factories.audience(pledge_year_id=2027, include_drafts=True)
    assert emails(audience, factories.event()) == ["port", "slow", "union"]


@pytest.mark.slow
def test_any_of_several_promise_types_matches_in_any_year(delta):
    audience = factories.audience(promise_types=PromiseType.objects.filter(code__in=["tours", "curriculum"]))
    assert emails(audience, factories.event()) == ["port", "yes"]


def test_all_criteria_must_match(delta):
    tours = PromiseType.objects.filter(code="tours")
    assert emails(factories.audience(pledge_year_id=2027, promise_types=tours), factories.event()) == ["port"]
    assert (
        emails(factories.audience(pledge_year_id=2027, promise_types=tours, sectors=["labor"]), factories.event()) == []
    )


@pytest.mark.slow
def test_promise_type_and_school_must_match_the_same_promise(delta):
    factories.renew_pledge(
        Organization.objects.get(name="Port Gate"),
        2028,
        factories.promise_data("tours"),
        factories.promise_data("mentors", schools=(delta,)),
    )
    tours = PromiseType.objects.filter(code="tours")
    event = factories.event()
    assert emails(factories.audience(schools=[delta]), event) == ["port"]
    assert emails(factories.audience(pledge_year_id=2028, promise_types=tours, schools=[delta]), event) == []


@pytest.mark.slow
def test_sector_alone_includes_all_its_organizations(delta):
    contact("Ned New", factories.organization("New Union", sector="labor"))
    assert emails(factories.audience(sectors=["labor"]), factories.event()) == ["ned.new", "union"]


def test_audience_without_criteria_is_empty(delta):
    assert emails(factories.audience(), factories.event()) == []
    assert emails(factories.audience(include_drafts=True, contact_scope="all"), factories.event()) == []


def test_contact_scope_selects_main_contact_or_all_contacts():
    port = factories.organization(sector="business")
    contact("First", port)
    contact("Second", port)
    orphan = factories.organization("Without Main", sector="business")
    contact("Only", orphan)
    Contact.objects.filter(organization=orphan).update(is_primary=False)
    event = factories.event()
    assert names(factories.audience(sectors=["business"]), event) == ["First", "Only"]
    assert names(factories.audience(sectors=["business"], contact_scope="all"), event) == ["First", "Only", "Second"]


# Guests ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def past():
    """A past event with a guest who came, a no-show, a waitlisted and a canceled RSVP."""
    event = factories.event(capacity=2)
    came = factories.rsvp(event, "Came", language="es", organization_name="Port Gate")
    factories.rsvp(event, "Absent")
    factories.rsvp(event, "Waited")
    seats.cancel(factories.rsvp(event, "Cancelled"))
    Guest.objects.filter(rsvp=came).update(checked_in_at=timezone.now())
    return event


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ([], ["Absent", "Came", "Waited"]),
        (["came"], ["Came"]),
        (["no_show"], ["Absent"]),
        (["waitlisted"], ["Waited"]),
        (["came", "waitlisted"], ["Came", "Waited"]),
    ],
)
def test_attendance_selects_guests_who_came_no_shows_or_waitlisted(past, who, found):
    assert names(factories.audience(attended_event=past, attendance=who), factories.event()) == found


def test_guest_without_contact_is_listed_with_rsvp_details(past):
    [person] = audience_query.audience_people(
        factories.audience(attended_event=past, attendance=["came"]), factories.event()
    )
    rsvp = past.rsvps.get(name="Came")
    assert person == (None, rsvp.pk, "Came", "came@example.org", "Port Gate", "es", "")


def test_guest_with_contact_is_listed_as_that_contact(past):
    contact("On Her Own", email="CAME@example.org")
    main = contact("Known", factories.organization(), email="Came@example.org")
    [person] = audience_query.audience_people(
        factories.audience(attended_event=past, attendance=["came"]), factories.event()
    )
    assert person == (main.pk, None, "Known", "Came@example.org", factories.ORGANIZATION, "en", "")


def test_guest_of_matched_organization_is_listed_as_its_contact(past):
    contact("Elsewhere", factories.organization("Elsewhere"), email="came@example.org")
    port = factories.organization()
    contact("Main", port)
    at_organization = contact("Here", port, email="came@example.org")
    past.rsvps.filter(name="Came").update(organization=port)
    [person] = audience_query.audience_people(
        factories.audience(attended_event=past, attendance=["came"]), factories.event()
    )
    assert person.contact_id == at_organization.pk


def test_combined_criteria_list_each_person_once(past):
    port = factories.organization(sector="business")
    known = contact("Known", port, email="came@example.org")
    audience = factories.audience(
        sectors=["business"], attended_event=past, uploaded_contacts=[known, contact("Listed")]
    )
    assert names(audience, factories.event()) == ["Absent", "Known", "Listed", "Waited"]


# Left out --------------------------------------------------------------------------------------------------------


def test_people_left_out_have_the_right_reason():
    event = factories.event()
    listed = [contact(name) for name in ("Asked", "Invited", "Declined", "Accepted", "Coming", "Unwilling", "Refused")]
    invited = dict(zip((person.name for person in listed), listed, strict=True))
    factories.invitation(event, invited["Invited"])
    factories.invitation(event, invited["Declined"], declined_at=timezone.now())
    factories.invitation(event, invited["Accepted"], rsvp=factories.rsvp(event, "Accepted", email="other@example.org"))
    factories.rsvp(event, "Coming", email="COMING@example.org")
    preferences.set_topics(preferences.get_preference("Unwilling@example.org"), invitations=False)
    preferences.suppress("Refused@example.org", "550 no such person")
    audience = factories.audience(uploaded_contacts=listed)
    assert reasons(audience, event) == {
        "Accepted": Reason.COMING,
        "Asked": "",
        "Coming": Reason.COMING,
        "Declined": Reason.DECLINED,
        "Invited": Reason.INVITED,
        "Refused": Reason.BOUNCED,
        "Unwilling": Reason.OPTED_OUT,
    }
    found = audience_query.count_people(audience, event)
    assert found[:2] == (1, {Reason.COMING: 2, **dict.fromkeys(list(Reason)[1:-1], 1)})
    assert found.people == 7


def test_answers_for_another_event_leave_no_one_out():
    before, event = factories.event(), factories.event()
    person = contact("Asked")
    factories.invitation(before, person, declined_at=timezone.now())
    factories.rsvp(before, "Asked")
    assert reasons(factories.audience(uploaded_contacts=[person]), event) == {"Asked": ""}


def test_canceled_rsvp_does_not_leave_a_person_out():
    event = factories.event()
    seats.cancel(factories.rsvp(event, "Asked"))
    assert reasons(factories.audience(uploaded_contacts=[contact("Asked")]), event) == {"Asked": ""}


def test_email_in_two_organizations_is_invited_once():
    ports = [factories.organization(name, sector="business") for name in ("Port Gate", "Port Works")]
    contact("Boss", ports[0])
    contact("Alma", ports[0], email="alma@example.org")
    contact("Alma Main", ports[1], email="Alma@example.org")
    audience = factories.audience(sectors=["business"], contact_scope="all")
    assert reasons(audience, factories.event()) == {"Alma": Reason.DUPLICATE, "Alma Main": "", "Boss": ""}


def test_email_invited_as_another_contact_is_not_invited_again():
    event = factories.event()
    first, second = contact("Alma"), contact("Alma Again", factories.organization(), email="ALMA@example.org")
    factories.invitation(event, first)
    assert reasons(factories.audience(uploaded_contacts=[second]), event) == {"Alma Again": Reason.INVITED}


# Pages -----------------------------------------------------------------------------------------------------------


def test_people_are_ordered_by_name_and_can_be_sliced():
    listed = [contact(name) for name in ("beta", "Alpha", "Gamma", "delta")]
    people = audience_query.audience_people(factories.audience(uploaded_contacts=listed), factories.event())
    assert (people.count(), len(people)) == (4, 4)
    assert [person.name for person in people[1:3]] == ["beta", "delta"]
    assert [person.name for person in people[3:50]] == ["Gamma"]
    assert people[4:] == []


@pytest.mark.parametrize("words", ["garcía", "GARCIA jose", "port@", "100%", "st brigids"])
def test_search_ignores_accents_case_and_punctuation(words):
    school = factories.organization("St. Brigid’s 100% Port")
    listed = [contact("José García", school, email="port@example.org"), contact("Else")]
    assert names(factories.audience(uploaded_contacts=listed), factories.event(), words=words) == ["José García"]


def test_search_treats_wildcards_and_sql_as_plain_text():
    listed = [contact("100% Alma"), contact("1000 Almas")]
    audience = factories.audience(uploaded_contacts=listed)
    assert names(audience, factories.event(), words="100%") == ["100% Alma"]
    assert names(audience, factories.event(), words="_") == []
    assert names(audience, factories.event(), words="\x00alma\x00100") == ["100% Alma", "1000 Almas"]
    assert names(audience, factories.event(), words="'; DROP TABLE summit_audience; %s {found}") == []


def test_people_can_be_filtered_by_reason():
    event = factories.event()
    listed = [contact("Asked"), contact("Coming")]
    factories.rsvp(event, "Coming")
    audience = factories.audience(uploaded_contacts=listed)
    assert names(audience, event, reason="") == ["Asked"]
    assert names(audience, event, reason=Reason.COMING) == ["Coming"]
    assert names(audience, event, reason=Reason.DUPLICATE) == []
    assert [person.why for person in audience_query.audience_people(audience, event)] == ["", "Already RSVP’d"]


@pytest.mark.parametrize("number", [1, 30])
def test_audience_query_count_is_constant(number, django_assert_num_queries):
    audience = factories.audience(uploaded_contacts=[contact(f"Person {n}") for n in range(number)])
    event = factories.event()
    with django_assert_num_queries(3):
        assert len(audience_query.audience_people(audience, event)[:50]) == number
    with django_assert_num_queries(3):
        assert audience_query.count_people(audience, event)[:2] == (number, {})


def test_fingerprint_covers_only_people_who_will_be_invited():
    event, invited, other = factories.event(), contact("Asked"), contact("Other")
    audience = factories.audience(uploaded_contacts=[invited, contact("Coming")])
    factories.rsvp(event, "Coming")
    mark = audience_query.count_people(audience, event).mark
    assert mark == audience_query.fingerprint_people(audience_query.audience_people(audience, event, reason=""))
    audience.uploaded_contacts.set([invited])
    assert audience_query.count_people(audience, event).mark == mark
    audience.uploaded_contacts.set([other])
    assert audience_query.count_people(audience, event).mark not in ("", mark)
    assert audience_query.count_people(factories.audience(), event).mark == ""


def test_listing_people_creates_no_contacts_or_invitations(past):
    audience = factories.audience(attended_event=past)
    list(audience_query.audience_people(audience, factories.event()))
    assert not Contact.objects.exists()
    assert not Invitation.objects.exists()
