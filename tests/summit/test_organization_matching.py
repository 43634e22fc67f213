"""Matching an RSVP with an organization, automatically or by staff."""

import pytest
from django.db.models import ProtectedError

from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge
from partners.organizations import merging, profiles
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from summit import organization_matching, seats
from summit.models import Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db

GATE = "Port Gate Logistics"


@pytest.fixture
def event(db):
    return factories.event(capacity=100)


@pytest.fixture
def gate(db):
    """An organization with one contact, Alma."""
    organization = factories.organization(GATE)
    factories.contact(organization, "alma@example.org")
    return organization


def partners(*rsvps: Rsvp) -> list[str | None]:
    """Return the name of each RSVP's organization as stored."""
    rows = dict(Rsvp.objects.values_list("pk", "organization__name"))
    return [rows[rsvp.pk] for rsvp in rsvps]


def this(rsvp: Rsvp):
    return Rsvp.objects.filter(pk=rsvp.pk)


def proposals(rsvp: Rsvp) -> list[tuple[str, list[str]]]:
    return [(one.organization.name, one.reasons) for one in organization_matching.group_with_proposals(rsvp).proposals]


# By itself -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "PORT GATE LOGISTICS, Inc.", "Port Gate Logistcs"])
def test_rsvp_with_a_contacts_email_is_matched_automatically_once(event, gate, typed):
    rsvp = factories.rsvp(event, email="ALMA@example.org", organization_name=typed)
    assert [organization_matching.match_by_email(), organization_matching.match_by_email(), partners(rsvp)] == [
        1,
        0,
        [GATE],
    ]
    change = AuditEntry.objects.about(rsvp).latest("pk")
    assert (change.actor_kind, change.changes) == ("system", {"organization": ["", GATE]})


def test_contacts_email_with_a_different_organization_is_only_proposed(event, gate):
    rsvp = factories.rsvp(event, email="alma@example.org", organization_name="Iglesia Luz del Valle")
    assert (organization_matching.match_by_email(), partners(rsvp)) == (0, [None])
    assert proposals(rsvp) == [(GATE, ["email", "email_domain"])]


def test_contact_of_two_organizations_is_matched_by_the_typed_name(event, gate):
    church = factories.organization("Iglesia Luz del Valle")
    factories.contact(church, "alma@example.org")
    named = factories.rsvp(event, email="alma@example.org", organization_name="Iglésia Luz del Valle")
    assert (organization_matching.match_by_email(), partners(named)) == (1, ["Iglesia Luz del Valle"])
    unnamed = factories.rsvp(factories.event(), email="alma@example.org")
    assert (organization_matching.match_by_email(), partners(unnamed)) == (0, [None])


def test_same_name_alone_is_only_proposed(event, gate):
    rsvp = factories.rsvp(event, "Ben Ochoa", organization_name=GATE)
    assert (organization_matching.match_by_email(), proposals(rsvp)) == (0, [(GATE, ["name", "email_domain"])])


def test_rsvp_assigned_no_organization_is_not_matched_again(event, gate):
    rsvp = factories.rsvp(event, email="alma@example.org", organization_name=GATE)
    organization_matching.assign_no_organization(this(rsvp))
    assert (organization_matching.match_by_email(), partners(rsvp)) == (0, [None])


# By staff --------------------------------------------------------------------------------------------------------


def test_proposals_by_name_similar_name_email_and_website(event):
    for name in (GATE, "Port Gate Logistic Group"):
        factories.organization(name)
    emailed = factories.organization("PGL Terminal")
    factories.contact(emailed, "ops@portgate.example")
    factories.organization("Channel Services", website="https://www.portgate.example/")
    rsvp = factories.rsvp(event, email="ben@portgate.example", organization_name="port gate logistics")
    assert sorted(proposals(rsvp)) == [
        ("Channel Services", ["email_domain"]),
        ("PGL Terminal", ["email_domain"]),
        ("Port Gate Logistic Group", ["similar_name"]),
        (GATE, ["name"]),
    ]


def test_assigning_applies_only_to_rsvps_with_the_same_typed_name(event, gate):
    one = factories.rsvp(event, "Ben Ochoa", organization_name="PGL")
    abbreviated = factories.rsvp(event, "Chue Vang", organization_name="P.G.L.")
    initials = factories.rsvp(event, "Dara Keo", organization_name="pgl")
    other = factories.rsvp(event, "Edith Solis", organization_name="Zeta")
    assert organization_matching.assign_organization(organization_matching.rsvps_with_same_name(one), gate.pk) == 2
    assert partners(one, abbreviated, initials, other) == [GATE, None, GATE, None]
    assert [contact.name for contact in Contact.objects.all()] == ["Alma Reyes"]


def test_assigning_can_add_guests_as_contacts(event, gate):
    rsvp = factories.rsvp(event, "Ben Ochoa", organization_name="PGL", phone="209 555 0100", language="es")
    organization_matching.assign_organization(this(rsvp), gate.pk, adds_contacts=True)
    contact = gate.contacts.get(name="Ben Ochoa")
    assert (contact.email, contact.phone, contact.language) == ("ben.ochoa@example.org", "209 555 0100", "es")
    assert not contact.is_primary


def test_guest_with_an_unverified_address_is_not_added_as_contact(event):
    """Whoever typed it, and the partner's name, could be emailed the link of the partner's pledge."""
    pledge = factories.signed_pledge(GATE)
    rsvp = factories.rsvp(event, "Mallory", email="mallory@example.net", organization_name=GATE, verified_at=None)
    organization_matching.assign_organization(this(rsvp), pledge.organization_id, adds_contacts=True)
    assert partners(rsvp) == [GATE]
    assert not Contact.objects.filter(email="mallory@example.net").exists()
    pledge_links.email_link(pledge)
    request = factories.pledge_request(GATE, "mallory@example.net")
    sent = Message.objects.filter(recipient="mallory@example.net")
    assert not any(pledge.token in message.body_text for message in sent)
    assert page_state.load_page_state(request.token).organization is None


def test_assigning_another_organization_replaces_it_and_logs_it_once(event, gate):
    rsvp, other = factories.rsvp(event, organization_name="PGL"), factories.organization("Zeta Freight")
    for organization in (gate, other, other):
        organization_matching.assign_organization(this(rsvp), organization.pk)
    assert partners(rsvp) == ["Zeta Freight"]
    changes = [change["organization"] for change in snapshots.changes(rsvp) if "organization" in change]
    assert changes == [["", GATE], [GATE, "Zeta Freight"]]


def test_assigning_a_deleted_organization_raises_organization_missing(event, gate):
    rsvp = factories.rsvp(event, organization_name="PGL")
    pk = gate.pk
    Organization.objects.all().delete()
    with pytest.raises(organization_matching.OrganizationMissing):
        organization_matching.assign_organization(this(rsvp), pk)
    assert partners(rsvp) == [None]


def test_creating_an_organization_adds_its_guests_as_contacts(event):
    one = factories.rsvp(event, "Ben Ochoa", organization_name="Zeta Freight", sector="business")
    factories.rsvp(event, "Chue Vang", organization_name="ZETA FREIGHT")
    created = organization_matching.create_organization_for(
        organization_matching.rsvps_with_same_name(one), name="Zeta Freight", sector="business"
    )
    assert (created.name, created.sector, created.slug) == ("Zeta Freight", "business", "zeta-freight")
    assert list(created.contacts.values_list("name", "is_primary")) == [("Ben Ochoa", True), ("Chue Vang", False)]
    assert created.rsvps.count() == 2


def test_creating_an_organization_leaves_out_unverified_guests(event):
    one = factories.rsvp(event, "Ben Ochoa", organization_name="Zeta Freight", verified_at=None)
    factories.rsvp(event, "Chue Vang", organization_name="ZETA FREIGHT")
    made = organization_matching.create_organization_for(
        organization_matching.rsvps_with_same_name(one), name="Zeta Freight"
    )
    assert made.contacts.get().name == "Chue Vang"
    assert made.rsvps.count() == 2


def test_creating_an_organization_with_a_taken_name_needs_confirmation(event, gate):
    rsvp = factories.rsvp(event, organization_name="PGL")
    with pytest.raises(organization_matching.NameTaken) as error:
        organization_matching.create_organization_for(this(rsvp), name="The Port Gate Logistics, Inc.")
    assert error.value.organization == gate
    assert (snapshots.organizations(), partners(rsvp)) == ([GATE], [None])
    organization_matching.create_organization_for(this(rsvp), name="The Port Gate Logistics, Inc.", is_sure=True)
    assert snapshots.organizations() == [GATE, "The Port Gate Logistics, Inc."]


def test_creating_the_same_organization_again_is_refused(event):
    rsvp = factories.rsvp(event, organization_name="Zeta Freight")
    group = organization_matching.rsvps_with_same_name(rsvp)
    organization_matching.create_organization_for(group.all(), name="Zeta Freight")
    with pytest.raises(organization_matching.AlreadyMatched):
        organization_matching.create_organization_for(group.all(), name="Zeta Freight", is_sure=True)
    assert snapshots.organizations() == ["Zeta Freight"]


def test_rsvp_assigned_no_organization_can_be_reopened(event):
    rsvp = factories.rsvp(event, organization_name="a parent")
    organization_matching.assign_no_organization(this(rsvp))
    assert list(Rsvp.objects.unmatched()) == []
    organization_matching.reopen_match(this(rsvp))
    assert list(Rsvp.objects.unmatched()) == [rsvp]


# The list --------------------------------------------------------------------------------------------------------


def test_names_to_match_are_distinct_and_newest_first(event, gate):
    factories.rsvp(event, "Ben Ochoa", organization_name="PGL")
    factories.rsvp(event, "Chue Vang", organization_name="Zeta")
    factories.rsvp(event, "Dara Keo", organization_name="pgl, Inc.")
    factories.rsvp(event, "Edith Solis")
    matched = factories.rsvp(event, "Fa Xiong", organization_name="Omega")
    organization_matching.assign_organization(this(matched), gate.pk)
    groups = organization_matching.groups_with_proposals(organization_matching.names_to_match())
    found = [(group.name, group.number, [rsvp.name for rsvp in group.rsvps]) for group in groups]
    assert found == [("pgl, Inc.", 2, ["Dara Keo", "Ben Ochoa"]), ("Zeta", 1, ["Chue Vang"])]


@pytest.mark.slow
def test_groups_with_proposals_take_a_fixed_number_of_queries(event, gate, django_assert_num_queries):
    for number in range(30):
        factories.rsvp(event, f"Guest {number}", email=f"g@host{number}.example", organization_name=f"Partner {number}")
    factories.organization("Partner 29")
    for many in (1, 30):
        names = list(organization_matching.names_to_match()[:many])
        with django_assert_num_queries(12):
            assert len(organization_matching.groups_with_proposals(names)) == many


# Merges, and what never touches a promise ------------------------------------------------------------------------


def test_merging_organizations_moves_their_rsvps(event, gate):
    other = factories.organization("PGL")
    rsvps = [factories.rsvp(event, name, organization_name="PGL") for name in ("Ben Ochoa", "Chue Vang")]
    for rsvp in rsvps:
        organization_matching.assign_organization(this(rsvp), other.pk)
    assert merging.MergePlan(gate, other).other_references == [("RSVPs", 2)]
    fingerprint = merging.MergePlan(gate, other).fingerprint
    merging.merge_organizations(gate, other, shown=fingerprint)
    assert partners(*rsvps) == [GATE, GATE]
    changes = snapshots.changes(gate)[-1]["merged"][1]
    assert changes == "PGL (pgl), with contacts: 0, pledges: 0, RSVPs: 2."


def test_merge_is_refused_if_an_rsvp_was_matched_since_the_plan_was_shown(event, gate):
    other, rsvp = factories.organization("PGL"), factories.rsvp(event, organization_name="PGL")
    fingerprint = merging.MergePlan(gate, other).fingerprint
    organization_matching.assign_organization(this(rsvp), other.pk)
    with pytest.raises(merging.MergePlanOutdated):
        merging.merge_organizations(gate, other, shown=fingerprint)


@pytest.mark.parametrize("change_rsvp", [seats.cancel, seats.delete_rsvp])
def test_canceling_or_deleting_an_rsvp_leaves_pledge_and_promises_unchanged(event, change_rsvp):
    pledge = factories.signed_pledge(GATE, promises=(factories.promise_data("tours", 6),))
    rsvp = factories.rsvp(event, email="alma@example.org", organization_name=GATE)
    organization_matching.match_by_email()
    assert partners(rsvp) == [GATE]
    before = (snapshots.pledges(), snapshots.promises(pledge), snapshots.emails_to()[-1])
    change_rsvp(rsvp)
    assert snapshots.pledges() == before[0]
    assert snapshots.promises(pledge) == before[1]
    assert Contact.objects.get().email == "alma@example.org"


def test_deleting_an_organization_leaves_its_rsvps_unmatched(event):
    organization, rsvp = factories.organization("Zeta"), factories.rsvp(event, organization_name="Zeta")
    organization_matching.assign_organization(this(rsvp), organization.pk)
    organization.delete()
    assert (list(Rsvp.objects.unmatched()), seats.available_seats(event)) == ([rsvp], 99)


def test_organization_with_a_pledge_cannot_be_deleted_after_its_rsvp_is(event):
    pledge = factories.signed_pledge(GATE)
    rsvp = factories.rsvp(event, email="alma@example.org")
    organization_matching.match_by_email()
    seats.delete_rsvp(rsvp)
    with pytest.raises(ProtectedError):
        pledge.organization.delete()
    assert Pledge.objects.get() == pledge


def test_typed_organization_name_is_unchanged_by_matching_and_renaming(event, gate):
    rsvp = factories.rsvp(event, email="alma@example.org", organization_name="port gate logistics inc")
    organization_matching.match_by_email()
    profiles.change_organization(gate, name="PGL Terminal")
    rsvp.refresh_from_db()
    assert (rsvp.organization_name, rsvp.organization) == ("port gate logistics inc", gate)
