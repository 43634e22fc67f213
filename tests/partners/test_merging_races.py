"""A merge while others are at work, with real connections."""

from collections.abc import Callable

import pytest

from imagine.core.errors import RuleViolation
from imagine.core.links import LinkNotFound
from partners.models import Organization, Pledge
from partners.organizations import merging
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from tests import concurrency, factories, snapshots

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def at_once(*calls: Callable) -> list[str]:
    """The name of the error of each, or ""."""
    answers = concurrency.run_at_once(list(calls), (merging.MergeRefused, RuleViolation))
    return [type(answer).__name__ if isinstance(answer, Exception) else "" for answer in answers]


def test_concurrent_merges_of_one_pair_in_either_order_run_once():
    one, other = factories.signed_pledge(), factories.signed_pledge("Zeta Freight", "zeta@example.org")
    pair = one.organization, other.organization
    answers = at_once(
        *[lambda: merging.merge_organizations(*pair), lambda: merging.merge_organizations(*reversed(pair))] * 4
    )
    assert sorted(answers) == ["", *["OrganizationGone"] * 7]
    assert (Organization.objects.count(), Pledge.objects.count()) == (1, 1)


def test_concurrent_chain_of_merges_loses_nothing():
    """A into B, B into C, C into A: whichever comes first, the last one left has everything."""
    made = [
        factories.signed_pledge(name, f"{name[0].lower()}@example.org", (factories.promise_data(code),))
        for name, code in (("Port Gate", "tours"), ("Zeta Freight", "mentors"), ("Omega Movers", "service"))
    ]
    a, b, c = (pledge.organization for pledge in made)
    at_once(
        *[
            lambda one=one, other=other: merging.merge_organizations(one, other)
            for one, other in ((b, a), (c, b), (a, c))
        ]
    )
    left = list(Organization.objects.order_by("pk"))
    for other in left[1:]:
        merging.merge_organizations(left[0], other)
    pledge = Pledge.objects.get()
    assert set(snapshots.promised_amounts(pledge)) == {"tours", "mentors", "service"}
    assert page_state.load_page_state(pledge.token).pledge == pledge


@pytest.mark.parametrize("round_", range(4))
def test_pledge_signed_during_its_merge_is_saved_or_refused(round_):
    mine, theirs = factories.signed_pledge(), factories.signed_pledge("Zeta Freight", "zeta@example.org")
    page = factories.pledge_data(theirs.token, factories.promise_data("mentors", 9))
    answers = at_once(
        lambda: merging.merge_organizations(mine.organization, theirs.organization),
        lambda: pledge_editing.sign_pledge(theirs.token, **page, name="Zeta Owner"),
    )
    pledge = Pledge.objects.get()
    assert answers in (["", ""], ["", "LinkNotFound"])
    assert ("mentors" in snapshots.promised_amounts(pledge)) == (answers == ["", ""])
    with pytest.raises(LinkNotFound):
        page_state.load_page_state(theirs.token)
