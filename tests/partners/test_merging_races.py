"""Merges while others are writing, with real connections."""

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
    """Return the name of each call's exception, or ""."""
    results = concurrency.run_at_once(list(calls), (merging.MergeRefused, RuleViolation))
    return [type(result).__name__ if isinstance(result, Exception) else "" for result in results]


def test_concurrent_merges_of_one_pair_in_either_order_run_once():
    one, other = factories.signed_pledge(), factories.signed_pledge("Zeta Freight", "zeta@example.org")
    pair = one.organization, other.organization
    results = at_once(
        *[lambda: merging.merge_organizations(*pair), lambda: merging.merge_organizations(*reversed(pair))] * 4
    )
    assert sorted(results) == ["", *["OrganizationGone"] * 7]
    assert (Organization.objects.count(), Pledge.objects.count()) == (1, 1)


def test_concurrent_chain_of_merges_loses_nothing():
    """A into B, B into C, C into A: in any order, the last one left has everything."""
    pledges = [
        factories.signed_pledge(name, f"{name[0].lower()}@example.org", (factories.promise_data(code),))
        for name, code in (("Port Gate", "tours"), ("Zeta Freight", "mentors"), ("Omega Movers", "service"))
    ]
    a, b, c = (pledge.organization for pledge in pledges)
    at_once(
        *[
            lambda one=one, other=other: merging.merge_organizations(one, other)
            for one, other in ((b, a), (c, b), (a, c))
        ]
    )
    remaining = list(Organization.objects.order_by("pk"))
    for other in remaining[1:]:
        merging.merge_organizations(remaining[0], other)
    pledge = Pledge.objects.get()
    assert set(snapshots.promised_amounts(pledge)) == {"tours", "mentors", "service"}
    assert page_state.load_page_state(pledge.token).pledge == pledge


@pytest.mark.parametrize("round_", range(4))
def test_pledge_signed_during_its_merge_is_saved_or_refused(round_):
    kept_pledge, other_pledge = factories.signed_pledge(), factories.signed_pledge("Zeta Freight", "zeta@example.org")
    page = factories.pledge_data(other_pledge.token, factories.promise_data("mentors", 9))
    results = at_once(
        lambda: merging.merge_organizations(kept_pledge.organization, other_pledge.organization),
        lambda: pledge_editing.sign_pledge(other_pledge.token, **page, name="Zeta Owner"),
    )
    pledge = Pledge.objects.get()
    assert results in (["", ""], ["", "LinkNotFound"])
    assert ("mentors" in snapshots.promised_amounts(pledge)) == (results == ["", ""])
    with pytest.raises(LinkNotFound):
        page_state.load_page_state(other_pledge.token)
