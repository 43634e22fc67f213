"""Two organizations are merged, and nothing is lost."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from imagine.core.links import LinkNotFound
from imagine.core.models import AuditEntry
from imagine.mail import mime
from imagine.mail.models import Message
from partners.models import (
    Contact,
    DuplicateCandidate,
    Logo,
    Organization,
    Pledge,
    Signature,
    SlugRedirect,
)
from partners.organizations import duplicates, merging, profiles
from partners.organizations.merging import MergePlan
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from tests import factories, snapshots
from tests.factories import merge as merge_organizations

pytestmark = pytest.mark.django_db


@pytest.fixture
def both():
    """Port Gate Logistics twice."""
    return factories.organization(), factories.organization("Port Gate Logistics Inc")


def two_pledges(kept_pledge: tuple, other_pledge: tuple, sign: tuple[bool, bool] = (True, True)) -> list[Pledge]:
    """The same organization started two pledges by two people, each with promises, signed or not."""
    pledges = []
    for number, (promises, is_signed) in enumerate(zip((kept_pledge, other_pledge), sign, strict=True)):
        name = ("Port Gate Logistics", "Zeta Freight")[number]
        pledges.append(
            (factories.signed_pledge if is_signed else factories.draft_pledge)(
                name, f"{name[0].lower()}@example.org", promises
            )
        )
    return pledges


def organizations(*pledges: Pledge) -> list[Organization]:
    return [pledge.organization for pledge in pledges]


# The organization ------------------------------------------------------------------------------------------------


def test_merge_fills_empty_fields_and_keeps_unused_values_in_history(both):
    kept, other = both
    profiles.change_organization(kept, website="https://portgate.example")
    profiles.change_organization(
        other, website="https://pgl.example", description="Moves freight.", sector="business", phone="209 555 0100"
    )
    merge_organizations(kept, other)
    kept = Organization.objects.get()
    assert (kept.pk, kept.name, kept.website) == (both[0].pk, "Port Gate Logistics", "https://portgate.example")
    assert (kept.description, kept.sector, kept.phone) == ("Moves freight.", "business", "209 555 0100")
    last = snapshots.changes(kept)[-1]
    assert last["merged"] == [
        "",
        "Port Gate Logistics Inc (port-gate-logistics-inc), with contacts: 0, pledges: 0. "
        "Not taken over: website: https://pgl.example.",
    ]
    assert last["description"] == ["", "Moves freight."]


def test_history_of_the_merged_organization_moves_to_the_kept_one(both):
    merge_organizations(*both)
    names = [change["name"] for change in snapshots.changes(both[0]) if "name" in change]
    assert names == [["", "Port Gate Logistics"], ["", "Port Gate Logistics Inc"]]
    assert not AuditEntry.objects.about(both[1]).exists()


def test_old_slugs_follow_repeated_merges_and_are_not_reused(both):
    kept, other = both
    merge_organizations(kept, other)
    last = factories.organization("Zeta Freight")
    merge_organizations(last, kept)
    assert dict(SlugRedirect.objects.values_list("slug", "organization")) == {
        "port-gate-logistics-inc": last.pk,
        "port-gate-logistics": last.pk,
    }
    assert factories.organization("Port Gate Logistics").slug == "port-gate-logistics-2"


def test_old_page_redirects_to_the_kept_partner_only_while_it_is_listed(client):
    pledge, other = factories.signed_pledge(), factories.organization("Zeta Freight")
    kept = profiles.change_organization(pledge.organization, wants_listing=True)
    profiles.approve_listing(kept, by="anna")
    merge_organizations(kept, other)
    response = client.get("/imagine/partners/zeta-freight/")
    assert (response.status_code, response.headers["Location"]) == (302, "/imagine/partners/port-gate-logistics/")
    profiles.withdraw_approval(kept)
    assert client.get("/imagine/partners/zeta-freight/").status_code == 404
    assert client.get("/imagine/partners/nobody/").status_code == 404


@pytest.mark.parametrize(
    ("kept_pledge", "other_pledge", "is_listed"),
    [
        ((False, False), (False, False), False),
        ((True, False), (False, True), False),
        ((False, True), (True, False), True),
        ((False, False), (True, True), True),
        ((True, True), (False, False), True),
    ],
)
def test_listing_after_a_merge_depends_on_request_and_approval(kept_pledge, other_pledge, is_listed):
    """For each of the two: whether it asked to be listed, and whether staff approved it."""
    kept, other = factories.organization(), factories.organization("Zeta Freight")
    for row, (wants, approved) in ((kept, kept_pledge), (other, other_pledge)):
        profiles.change_organization(row, wants_listing=wants)
        if approved:
            profiles.approve_listing(row, by="anna")
    merge_organizations(kept, other)
    assert Organization.objects.get().is_listed == is_listed


def test_merge_takes_a_missing_logo_or_records_it_in_history(both):
    kept, other = both
    Logo.objects.create(organization=other, png=b"theirs", width=1, height=1)
    merge_organizations(kept, other)
    assert [(logo.pk, bytes(logo.png)) for logo in Logo.objects.all()] == [(kept.pk, b"theirs")]
    third = factories.organization("Zeta Freight")
    Logo.objects.create(organization=third, png=b"third", width=1, height=1)
    merge_organizations(kept, third)
    assert bytes(Logo.objects.get().png) == b"theirs"
    assert snapshots.changes(kept)[-1]["merged"][1].endswith("Not taken over: logo.")


# Contacts --------------------------------------------------------------------------------------------------------


def test_merge_moves_contacts_and_keeps_one_primary_contact(both):
    kept, other = both
    factories.contact(kept, "alma@example.org")
    factories.contact(other, "ben@example.org", "Ben Ochoa")
    merge_organizations(kept, other)
    assert list(kept.contacts.values_list("name", "is_primary")) == [("Alma Reyes", True), ("Ben Ochoa", False)]


def test_merged_primary_contact_stays_primary_if_kept_has_none(both):
    kept, other = both
    factories.contact(other, "ben@example.org", "Ben Ochoa")
    merge_organizations(kept, other)
    assert list(kept.contacts.values_list("name", "is_primary")) == [("Ben Ochoa", True)]


@pytest.mark.slow
def test_contact_in_both_organizations_is_merged():
    kept_pledge, other_pledge = two_pledges((), ())
    kept, other = organizations(kept_pledge, other_pledge)
    kept_contact = kept.contacts.get()
    merged_contact = factories.contact(other, "P@Example.org", "A. Reyes", role="Owner", phone="209 555 0100")
    Pledge.objects.filter(pk=other_pledge.pk).update(contact=merged_contact)
    merge_organizations(kept, other)
    kept_contact.refresh_from_db()
    assert (kept_contact.name, kept_contact.role, kept_contact.phone) == ("Alma Reyes", "Owner", "209 555 0100")
    assert kept_contact.email == "p@example.org"
    assert sorted(kept.contacts.values_list("email", flat=True)) == ["p@example.org", "z@example.org"]
    assert snapshots.changes(kept_contact)[-1]["merged"] == ["", "A. Reyes, Owner, P@Example.org, 209 555 0100"]
    assert not AuditEntry.objects.about(merged_contact).exists()


def test_pledge_of_a_duplicate_contact_moves_to_the_kept_contact(both):
    kept, other = both
    kept_contact, merged_contact = factories.contact(kept), factories.contact(other)
    year = factories.pledge_year()
    pledge = Pledge.objects.create(organization=other, year=year, contact=merged_contact)
    merge_organizations(kept, other)
    pledge.refresh_from_db()
    assert (pledge.organization, pledge.contact) == (kept, kept_contact)
    assert snapshots.changes(pledge) == [
        {"organization": ["Port Gate Logistics Inc", "Port Gate Logistics"]},
        {"link": ["", "replaced"]},
    ]


# Pledges ---------------------------------------------------------------------------------------------------------


def test_pledge_for_another_year_moves_unchanged():
    last = factories.signed_pledge()
    factories.close_year()
    factories.pledge_year(2028)
    now = factories.signed_pledge("Zeta Freight", "zeta@example.org")
    merge_organizations(*organizations(last, now))
    assert snapshots.pledges() == [
        ("Port Gate Logistics", 2027, "closed", 1),
        ("Port Gate Logistics", 2028, "signed", 1),
    ]


def test_merging_signed_pledges_keeps_promises_and_adds_missing_types():
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("tours", 6),),
        (factories.promise_data("tours", 2, note="port"), factories.promise_data("mentors", 12)),
    )
    school = factories.school()
    other_pledge.promises.get(promise_type__code="mentors").schools.add(school)
    merge_organizations(*organizations(kept_pledge, other_pledge))
    pledge = Pledge.objects.get()
    assert (pledge.pk, pledge.version) == (kept_pledge.pk, 2)
    assert snapshots.promised_amounts(pledge) == {"tours": 6, "mentors": 12}
    assert snapshots.promises(pledge)[1][4] == ["Cesar Chavez High"]


def test_merging_keeps_both_signatures_and_adds_a_combined_version():
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("tours", 6),),
        (factories.promise_data("tours", 2), factories.promise_data("mentors", 12)),
    )
    Pledge.objects.filter(pk=other_pledge.pk).update(signed_by="Ben Ochoa", signed_role="Manager")
    Signature.objects.filter(pledge=other_pledge).update(signed_by="Ben Ochoa")
    merge_organizations(*organizations(kept_pledge, other_pledge))
    versions = [
        (one.number, one.signed_by, {each["promise_type"]: each["quantity"] for each in one.content["promises"]})
        for one in Signature.objects.filter(pledge=kept_pledge)
    ]
    assert versions == [
        (1, "Alma Reyes", {"tours": 6}),
        (2, "Ben Ochoa", {"tours": 2, "mentors": 12}),
        (3, "Alma Reyes, Ben Ochoa", {"tours": 6, "mentors": 12}),
    ]
    pledge = Pledge.objects.get()
    assert (pledge.signed_by, pledge.signed_role) == ("Alma Reyes, Ben Ochoa", "")
    token = pledge.token
    repeated = pledge_editing.sign_pledge(
        token, **factories.pledge_data(token, factories.promise_data("tours", 7)), name="Alma Reyes"
    )
    assert repeated.signatures.count() == 4
    assert snapshots.emails_to()[-1] == "signed 4 p@example.org"


@pytest.mark.slow
def test_merged_pledge_is_in_the_history_of_the_kept_pledge():
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("tours", 6),), (factories.promise_data("tours", 2, note="the port"),)
    )
    before = len(snapshots.changes(other_pledge))
    merge_organizations(*organizations(kept_pledge, other_pledge))
    *entries, merged, link = snapshots.changes(kept_pledge)
    assert (len(entries), link) == (2 * before, {"link": ["", "replaced"]})
    assert merged["merged"][1] == (
        "Zeta Freight, signed by Alma Reyes. Host tours and field trips: 2 visits; wherever it is needed most; the port"
    )
    assert not AuditEntry.objects.about(other_pledge).exists()


def test_signed_pledge_is_kept_and_the_draft_moves_to_history():
    """No one signed the draft."""
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("mentors", 3),), (factories.promise_data("tours", 2),), sign=(False, True)
    )
    kept, other = organizations(kept_pledge, other_pledge)
    merge_organizations(kept, other)
    pledge = Pledge.objects.get()
    assert (pledge.pk, pledge.organization, pledge.state) == (other_pledge.pk, kept, "signed")
    assert snapshots.promised_amounts(pledge) == {"tours": 2}
    assert "not signed. Be mentors and role models: 3 students" in snapshots.changes(pledge)[-2]["merged"][1]
    assert pledge.signatures.count() == 1


def test_merging_two_drafts_combines_their_promises():
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("tours", 6),), (factories.promise_data("mentors", 12),), sign=(False, False)
    )
    merge_organizations(*organizations(kept_pledge, other_pledge))
    pledge = Pledge.objects.get()
    assert (pledge.state, snapshots.promised_amounts(pledge)) == ("draft", {"tours": 6, "mentors": 12})
    assert not Signature.objects.exists()


@pytest.mark.slow
def test_merging_closed_pledges_makes_one_closed_pledge():
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("tours", 6),), (factories.promise_data("mentors", 12),)
    )
    factories.close_year()
    merge_organizations(*organizations(kept_pledge, other_pledge))
    pledge = Pledge.objects.get()
    assert (pledge.state, snapshots.promised_amounts(pledge)) == ("closed", {"tours": 6, "mentors": 12})


@pytest.mark.parametrize("sign", [(True, True), (False, True)])
def test_merging_ends_both_old_links_and_emails_the_new_one(sign):
    kept_pledge, other_pledge = two_pledges((), (), sign)
    factories.deliver()
    page = factories.pledge_data(other_pledge.token, factories.promise_data("mentors", 13))
    merge_organizations(*organizations(kept_pledge, other_pledge))
    for token in (kept_pledge.token, other_pledge.token):
        with pytest.raises(LinkNotFound):
            page_state.load_page_state(token)
        with pytest.raises(LinkNotFound):
            pledge_editing.sign_pledge(token, **page, name="Alma Reyes")
    pledge = Pledge.objects.get()
    new = Message.objects.filter(state="queued").order_by("recipient")
    assert [(message.kind, message.recipient) for message in new] == [
        ("pledge_new_link", "p@example.org"),
        ("pledge_new_link", "z@example.org"),
    ]
    assert all(pledge.get_absolute_url() in message.body_text for message in new)


def test_unselected_contact_is_kept_but_gets_no_link():
    kept_pledge, other_pledge = two_pledges((), ())
    kept, other = organizations(kept_pledge, other_pledge)
    merge_organizations(kept, other, may_open=[kept_pledge.contact.pk])
    factories.deliver()
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    access = dict(kept.contacts.values_list("email", "may_open_pledge"))
    assert access == {"p@example.org": True, "z@example.org": False}
    assert not Message.objects.filter(kind="pledge_new_link", recipient="z@example.org").exists()
    pledge = Pledge.objects.get()
    request = factories.pledge_request(kept.name, "z@example.org")  # lost the link
    assert page_state.load_page_state(request.token).organization is None
    assert not Message.objects.filter(state="queued", body_text__contains=pledge.token).exists()


@pytest.mark.slow
def test_pledge_no_one_may_open_is_emailed_to_no_one():
    kept_pledge, other_pledge = two_pledges((), ())
    merge_organizations(*organizations(kept_pledge, other_pledge), may_open=[])
    assert not Message.objects.filter(kind="pledge_new_link").exists()
    pledge = Pledge.objects.get()
    assert pledge.contact is None
    with pytest.raises(pledge_links.NoContact):
        pledge_links.resend_link(pledge)


def test_old_links_stay_invalid_after_a_merge_and_a_replaced_link():
    kept_pledge, other_pledge = two_pledges((), ())
    merge_organizations(*organizations(kept_pledge, other_pledge))
    pledge_links.replace_pledge_link(Pledge.objects.get())
    for token in (kept_pledge.token, other_pledge.token):
        with pytest.raises(LinkNotFound):
            page_state.load_page_state(token)


@pytest.mark.slow
def test_messages_of_a_merged_pledge_move_and_no_email_is_sent():
    kept_pledge, other_pledge = two_pledges((), ())
    factories.deliver()
    before = Message.objects.count()
    merge_organizations(*organizations(kept_pledge, other_pledge), may_open=[])
    assert Message.objects.count() == before
    assert not other_pledge.messages.exists()
    assert f"pledge_signed:{other_pledge.pk}:1" in kept_pledge.messages.values_list("idempotency_key", flat=True)
    pledge_editing.delete_pledge(Pledge.objects.get())
    assert not Message.objects.filter(content_type__model="pledge").exists()


@pytest.mark.slow
def test_messages_stay_with_the_kept_pledge_after_many_merges():
    pledge = factories.signed_pledge()
    for number in range(10):
        other = factories.signed_pledge(f"Zeta Freight {number}", f"z{number}@example.org")
        factories.deliver()
        message_count = Message.objects.count() + number + 2  # everyone's new link
        merge_organizations(other.organization, pledge.organization)
        pledge = Pledge.objects.get()
    assert Message.objects.count() == message_count
    signed = pledge.messages.filter(kind="pledge_signed")
    assert signed.count() == 11
    assert set(signed.values_list("recipient", flat=True)) == {
        "alma@example.org",
        *(f"z{n}@example.org" for n in range(10)),
    }


@pytest.mark.slow
def test_email_being_sent_keeps_its_message_id_after_a_merge():
    """If it is sent again after its sender died, it must not look like another email."""
    kept_pledge, other_pledge = two_pledges((), ())
    lease = {"claim_id": uuid.uuid4(), "claim_expires_at": timezone.now()}
    Message.objects.update(state="sending", **lease)

    def ids() -> dict:
        return {message.pk: mime.build_email(message).message()["Message-ID"] for message in Message.objects.all()}

    before = ids()
    merge_organizations(*organizations(kept_pledge, other_pledge), may_open=[])
    assert ids() == before
    assert len(set(before.values())) == len(before) > 1


# Which two -------------------------------------------------------------------------------------------------------


def test_merging_an_organization_with_itself_is_refused(both):
    with pytest.raises(merging.SameOrganization):
        merge_organizations(both[0], both[0])
    assert Organization.objects.count() == 2


def test_merging_again_raises_organization_gone(both):
    kept, other = both
    merge_organizations(kept, other)
    for pair in ((kept, other), (other, kept)):
        with pytest.raises(merging.OrganizationGone):
            merge_organizations(*pair)
    assert Organization.objects.get() == kept


def changed_name(kept, other):
    profiles.change_organization(other, name="Zeta Freight")


def new_contact(kept, other):
    factories.contact(kept)


def new_pledge(kept, other):
    Pledge.objects.create(organization=other, year=factories.pledge_year())


def new_logo(kept, other):
    Logo.objects.create(organization=other, png=b"x", width=1, height=1)


@pytest.mark.slow
@pytest.mark.parametrize("change", [changed_name, new_contact, new_pledge, new_logo])
def test_merge_is_refused_when_the_plan_is_outdated(both, change):
    is_listed = MergePlan(*both).fingerprint
    change(*both)
    with pytest.raises(merging.MergePlanOutdated):
        merge_organizations(*both, shown=is_listed)
    assert Organization.objects.count() == 2
    merge_organizations(*both, shown=MergePlan(*both).fingerprint)


@pytest.mark.slow
def test_promise_saved_since_the_plan_was_shown_makes_it_outdated():
    kept_pledge, other_pledge = two_pledges((), ())
    pair = organizations(kept_pledge, other_pledge)
    is_listed = MergePlan(*pair).fingerprint
    pledge_editing.sign_pledge(
        other_pledge.token,
        **factories.pledge_data(other_pledge.token, factories.promise_data("tours", 9)),
        name="Alma Reyes",
    )
    with pytest.raises(merging.MergePlanOutdated):
        merge_organizations(*pair, shown=is_listed)


def test_dismissed_duplicates_stay_dismissed_after_a_merge(both):
    kept, other = both
    third = factories.organization("Port Gate Logistic")
    duplicates.dismiss_candidate(other, third, by="anna")
    duplicates.dismiss_candidate(kept, other, by="ben")
    duplicates.scan_organizations()
    merge_organizations(kept, other)
    duplicates.scan_organizations()
    pair = DuplicateCandidate.objects.get()
    assert (pair.organization_a, pair.organization_b, pair.dismissed_by) == (kept, third, "anna")


def test_failed_merge_is_rolled_back(both, monkeypatch):
    kept, other = both
    factories.contact(other)
    monkeypatch.setattr(merging, "keep_dismissals", lambda *_both: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        merge_organizations(kept, other)
    assert Contact.objects.get().organization == other


def test_integrity_error_while_merging_raises_merge_conflict(both, monkeypatch):
    """Another app's table may have one row per organization."""
    SlugRedirect.objects.create(slug="x", organization=both[1])

    def update(self, **fields):
        raise IntegrityError("duplicate key value violates unique constraint")

    monkeypatch.setattr("django.db.models.query.QuerySet.update", update)
    with pytest.raises(merging.MergeConflict, match="Only one of the two organizations can have this"):
        merging.move_references(both[1], both[0])


def test_merge_result_matches_the_plan():
    kept_pledge, other_pledge = two_pledges(
        (factories.promise_data("tours", 6),),
        (factories.promise_data("tours", 2), factories.promise_data("mentors", 12)),
    )
    kept, other = organizations(kept_pledge, other_pledge)
    other.approved_at, other.wants_listing = timezone.now(), True
    other.save()
    plan = MergePlan(kept, other)
    [merge] = plan.pledge_merges
    only_in_history = [promise for promise in merge.merged_promises if promise not in merge.result]
    assert [promise.quantity for promise in (*merge.result, *only_in_history)] == [6, 12, 2]
    merge_organizations(kept, other, shown=plan.fingerprint)
    kept.refresh_from_db()
    assert {name: getattr(kept, name) for name in plan.profile} == plan.profile
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 6, "mentors": 12}


@pytest.mark.slow
def test_plan_query_count_does_not_depend_on_contact_count(both, django_assert_num_queries):
    for many in (1, 30):
        for number in range(many):
            factories.contact(both[1], f"contact-{number}@example.org")
        with django_assert_num_queries(6):
            assert MergePlan(*both).fingerprint
