"""Inviting last year's partners to renew their promises."""

import re

import pytest
from django.urls import reverse

from imagine.mail import preferences
from imagine.mail.bulk import control
from imagine.mail.models import Mailing, Message
from imagine.mail.queue import CannotResend, resend
from partners.models import Pledge, PledgeYear
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import renewal
from partners.pledges import years as pledge_years
from partners.pledges.renewal import RenewalReason
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def year() -> PledgeYear:
    """Ana, Ben and Chue signed last year; now the next school year is open."""
    last, later = factories.pledge_year(2026), factories.pledge_year(2027)
    pledge_years.close_year(later)
    for name in ("ana", "ben", "chue"):
        factories.signed_pledge(f"{name.title()} Works", email=f"{name}@example.org")
    pledge_years.close_year(last)
    return pledge_years.reopen_year(later)


def pledge_of(name: str) -> Pledge:
    return Pledge.objects.get(organization__name=f"{name.title()} Works", year=2026)


def reasons(year: PledgeYear) -> dict[str, str]:
    return {partner.pledge.organization.name: partner.reason for partner in renewal.last_years_partners(year)}


def invite(year: PledgeYear) -> Mailing:
    partners = renewal.to_email(renewal.last_years_partners(year))
    return renewal.invite_last_years_partners(year, mark=renewal.fingerprint_partners(partners), by="office")


def renew(name: str) -> None:
    token = pledge_of(name).token
    pledge_editing.save_draft(token, **factories.pledge_data(token, factories.promise_data()))


def test_each_partner_of_last_year_gets_one_email_with_their_own_link(year):
    mailing = invite(year)
    emails = {message.recipient: message for message in mailing.messages.all()}
    assert set(emails) == {"ana@example.org", "ben@example.org", "chue@example.org"}
    ana = emails["ana@example.org"]
    assert pledge_of("ana").token in ana.body_text
    assert not any(pledge_of(other).token in ana.body_text for other in ("ben", "chue"))
    assert "Ana Works promised students for 2026–27" in " ".join(ana.body_text.split())
    assert (ana.queue, ana.topic, ana.kind) == ("bulk", "invitations", "renewal")
    assert (mailing.about, mailing.recipient_count, mailing.started_by) == (year, 3, "office")


def test_nothing_is_signed_or_saved_by_inviting(year):
    invite(year)
    assert not year.pledges.exists()


def test_no_one_is_emailed_twice(year):
    invite(year)
    assert set(reasons(year).values()) == {RenewalReason.INVITED}
    with pytest.raises(renewal.RenewalsChanged):
        invite(year)
    assert Message.objects.filter(kind="renewal").count() == 3


def test_partners_are_excluded_with_the_reason(year):
    renew("ana")
    preferences.set_topics(preferences.get_preference("ben@example.org"), invitations=False)
    preferences.suppress("chue@example.org", "550 no such mailbox")
    assert reasons(year) == {
        "Ana Works": RenewalReason.PLEDGED,
        "Ben Works": RenewalReason.OPTED_OUT,
        "Chue Works": RenewalReason.BOUNCED,
    }


def test_partner_without_a_contact_is_excluded(year):
    pledge_of("ana").organization.contacts.update(may_open_pledge=False)
    assert reasons(year)["Ana Works"] == RenewalReason.NO_CONTACT


def test_changed_recipients_have_to_be_confirmed_again(year):
    mark = renewal.fingerprint_partners(renewal.to_email(renewal.last_years_partners(year)))
    renew("ana")
    with pytest.raises(renewal.RenewalsChanged):
        renewal.invite_last_years_partners(year, mark=mark, by="office")
    assert not Mailing.objects.exists()


def test_year_has_to_be_the_one_that_links_open(year):
    with pytest.raises(renewal.CannotInvitePartners):
        renewal.check_can_invite(PledgeYear.objects.get(pk=2026))
    factories.pledge_year(2028)
    with pytest.raises(renewal.CannotInvitePartners, match="2028–29"):
        renewal.check_can_invite(year)


def test_unsent_email_is_deleted_once_the_partner_has_begun(year):
    mailing = invite(year)
    renew("ana")
    assert set(mailing.messages.values_list("recipient", flat=True)) == {"ben@example.org", "chue@example.org"}


def test_unsent_email_is_deleted_when_the_year_closes(year):
    mailing = invite(year)
    pledge_years.close_year(year)
    assert not mailing.messages.exists()


def test_unsent_email_with_a_replaced_link_is_deleted(year):
    mailing = invite(year)
    pledge_links.replace_pledge_link(pledge_of("ana"))
    assert not mailing.messages.filter(recipient="ana@example.org").exists()
    assert reasons(year)["Ana Works"] == ""


def test_partners_of_a_stopped_mailing_can_be_invited_again(year):
    control.stop_mailing(invite(year))
    assert set(reasons(year).values()) == {""}
    assert invite(year).messages.count() == 3


def test_failed_email_is_resent_as_it_reads_today_or_refused(year):
    message = invite(year).messages.get(recipient="ana@example.org")
    Message.objects.filter(pk=message.pk).update(state=Message.State.FAILED)
    message.refresh_from_db()
    assert resend(message)
    Message.objects.filter(pk=message.pk).update(state=Message.State.FAILED)
    renew("ana")
    message.refresh_from_db()
    with pytest.raises(CannotResend):
        resend(message)


# Pages -----------------------------------------------------------------------------------------------------------


def test_link_opens_last_years_promises_as_a_draft(year, client):
    page = client.get(pledge_of("ana").get_absolute_url()).content.decode()
    assert "For 2026–27, you promised" in page
    assert 'href="#promises"' in page
    assert not year.pledges.exists()


def test_office_reviews_confirms_and_watches_the_mailing(year, admin_client):
    renew("chue")
    page = admin_client.get(reverse("admin:partners_pledgeyear_change", args=[2027])).content.decode()
    address = reverse("admin:partners_pledgeyear_invite", args=[2027])
    assert address in page
    review = admin_client.get(address)
    assert [partner.pledge.organization.name for partner in review.context["invited"]] == ["Ana Works", "Ben Works"]
    text = review.content.decode()
    assert "¿Renovará" in text
    assert not re.search(pledge_of("ana").token, text)
    assert "Already has a pledge" in admin_client.get(f"{address}?who=excluded").content.decode()
    confirmed = {"shown": 2, "mark": review.context["mark"]}
    assert admin_client.post(address, confirmed | {"number": "3"}).status_code == 422
    assert not Mailing.objects.exists()
    done = admin_client.post(address, confirmed | {"number": "2"}, follow=True)
    assert done.redirect_chain[0][0] == reverse("admin:mail_mailing_change", args=[Mailing.objects.get().pk])
    assert "2 partners of last year" in " ".join(done.content.decode().split())
    stop = admin_client.post(done.redirect_chain[0][0], {"stop": "1"}).content.decode()
    assert "You can invite them again later." in stop
