"""The sample data: enough to fill every page and list, the same at each reset, and created quickly."""

import time

import pytest
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.demo.data import events as sample_events
from imagine.demo.data import promises
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge, PledgeYear, Promise, School, Sector, Signature
from partners.pledges import page_state
from partners.pledges.promises import Checklist, find_problems, promises_of_pledge
from tests.demo.conftest import rolled_back

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

THIS_YEAR = 2027


@pytest.fixture(scope="module")
def district(django_db_setup, django_db_blocker) -> float:
    """Create the sample data once. Return how many seconds it took."""
    with rolled_back(django_db_blocker):
        started = time.process_time()
        promises.fill_promises(THIS_YEAR)
        yield time.process_time() - started


def test_database_is_filled_only_once():
    assert sample_events.fill_database()
    assert not sample_events.fill_database()
    assert PledgeYear.objects.count() == 2
    assert Organization.objects.count() > 60


def test_last_year_is_closed_and_this_year_is_open_with_fewer_pledges(district):
    last, this = PledgeYear.objects.order_by("school_year")
    assert (last.school_year, last.closed_at is not None) == (THIS_YEAR - 1, True)
    assert PledgeYear.objects.current() == this
    counted = {
        (year.pk, is_signed): year.pledges.filter(signed_at__isnull=not is_signed).count()
        for year in (last, this)
        for is_signed in (True, False)
    }
    assert counted[last.pk, True] > 45
    assert counted[last.pk, False] >= 3
    assert 20 < counted[this.pk, True] < counted[last.pk, True]
    assert counted[this.pk, False] >= 4
    assert Signature.objects.count() == counted[last.pk, True] + counted[this.pk, True]
    assert not this.pledges.filter(changed_at__gt=timezone.now()).exists()
    assert not last.pledges.filter(changed_at__gt=last.closed_at).exists()
    renewed = Pledge.objects.filter(year=this, organization__pledges__year=last)
    assert renewed.count() == promises.RENEW


def test_sample_data_is_valid(district):
    for pledge in Pledge.objects.all():
        promised = promises_of_pledge(pledge)
        assert promised
        assert find_problems(promised, Checklist.of(promised)) == []
        assert page_state.load_page_state(pledge.token).organization.pk == pledge.organization_id
    for organization in Organization.objects.all():
        organization.full_clean()
    assert set(Organization.objects.values_list("sector", flat=True)) == set(Sector.values)


def test_sample_data_has_pending_duplicate_and_listed_organizations(district):
    assert Organization.objects.listed().count() > 30
    assert Organization.objects.pending_approval().count() >= 3
    assert Organization.objects.filter(wants_listing=False).exists()
    assert School.objects.active().count() == 62
    assert School.objects.filter(promises__isnull=True).count() > 10
    assert set(Promise.objects.values_list("promise_type__code", flat=True)) == {
        *("curriculum", "tours", "advisory", "teachers", "mentors", "presentations", "service", "internships")
    }
    assert Contact.objects.count() > Organization.objects.count()
    folded = list(Organization.objects.values_list("normalized_name", flat=True))
    assert sorted(name for name in set(folded) if folded.count(name) > 1) == [
        "port gate logistics",
        "tule sons hardware",
    ]


def test_last_year_has_no_emails_and_all_addresses_are_fictional(district):
    addresses = set(Message.objects.values_list("recipient", flat=True)) | set(
        Contact.objects.values_list("email", flat=True)
    )
    assert all(address.endswith("@example.org") for address in addresses)
    assert (
        Message.objects.filter(kind="pledge_signed").count() == Pledge.objects.signed().filter(year=THIS_YEAR).count()
    )
    assert not AuditEntry.objects.about_any(Pledge.objects.filter(year=THIS_YEAR - 1)).exists()


def test_sample_data_is_reproducible_and_quick_to_create(district):
    assert district < 15, "the demo's first start waits for this"
    first = look()
    Pledge.objects.all().delete()
    for model in (Organization, PledgeYear, School):
        model.objects.all().delete()
    promises.fill_promises(THIS_YEAR)
    assert look() == first


def look() -> list[tuple]:
    rows = Promise.objects.order_by("pledge__organization__name", "pledge__year_id", "promise_type__order")
    return list(rows.values_list("pledge__organization__name", "promise_type__code", "quantity", "grades", "months"))
