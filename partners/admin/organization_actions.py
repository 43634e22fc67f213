"""Admin actions on organizations: start pledges, approve profiles. Each asks first and goes through the rules."""

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.actions import Outcome, report_outcomes, row_action
from imagine.core.errors import RuleViolation
from partners.admin import components
from partners.models import Organization
from partners.organizations import profiles
from partners.pledges import staff as staff_pledges
from partners.pledges.staff import StartedPledge

STARTED = ngettext_lazy("%(number)d pledge started.", "%(number)d pledges started.", "number")
ALREADY_STARTED = ngettext_lazy(
    "%(number)d organization already had a pledge.", "%(number)d organizations already had a pledge.", "number"
)


def start_pledges(organizations, *, emails_link: bool = False) -> list[tuple[Organization, StartedPledge | Exception]]:
    return [(each, start_pledge_or_error(each, emails_link=emails_link)) for each in organizations]


def start_pledge_or_error(organization: Organization, *, emails_link: bool) -> StartedPledge | Exception:
    try:
        return staff_pledges.start_pledge_for(organization, emails_link=emails_link)
    except (RuleViolation, Organization.DoesNotExist) as refused:
        return refused


def report_started(page, request: HttpRequest, results: list) -> HttpResponse | None:
    """Report how many pledges were started. If there is only one organization, redirect to its pledge."""
    outcomes = [(row, result.is_new if isinstance(result, StartedPledge) else result) for row, result in results]
    report_outcomes(page, request, outcomes, STARTED, ALREADY_STARTED)
    started = [result for _row, result in results if isinstance(result, StartedPledge)]
    if len(results) == len(started) == 1:
        return redirect("admin:partners_pledge_change", started[0].pledge.pk)
    return None


def report_started_and_emailed(page, request: HttpRequest, results: list) -> HttpResponse | None:
    answer = report_started(page, request, results)
    emailed = [(result.pledge, result.is_emailed) for _row, result in results if isinstance(result, StartedPledge)]
    report_outcomes(page, request, emailed, components.LINKS_SENT, components.LINKS_SENT_RECENTLY)
    return answer


START = {
    "permissions": ["begin"],
    "button": ngettext_lazy("Start %(number)d pledge", "Start %(number)d pledges", "number"),
    "done": STARTED,
    "same": ALREADY_STARTED,
    "undo": _("You can delete a draft that you started by mistake."),
}


@row_action(
    _("Start pledges for the open school year"),
    **START,
    report=report_started,
    changes=lambda result: isinstance(result, StartedPledge) and result.is_new,
)
def begin_pledge(page, request, organizations):
    return start_pledges(organizations)


@row_action(
    _("Start pledges and email the personal links"),
    **START | {"button": ngettext_lazy("Email %(number)d personal link", "Email %(number)d personal links", "number")},
    report=report_started_and_emailed,
    changes=lambda result: isinstance(result, StartedPledge) and result.is_emailed,
)
def begin_and_mail(page, request, organizations):
    return start_pledges(organizations, emails_link=True)


# Approval --------------------------------------------------------------------------------------------------------


APPROVED = ngettext_lazy("%(number)d profile approved.", "%(number)d profiles approved.", "number")


def with_logos(organizations: QuerySet[Organization]) -> QuerySet[Organization]:
    return organizations.select_related("logo").defer("logo__png").order_by("name", "pk")


def pending_after(organization: Organization) -> QuerySet[Organization]:
    """Return the profiles pending approval that follow this one by name."""
    later = Q(name__gt=organization.name) | Q(name=organization.name, pk__gt=organization.pk)
    return Organization.objects.pending_approval().filter(later).order_by("name", "pk")


def approve_and_next(organizations) -> str:
    """Return the button that leads from one profile to the next, if there is one."""
    more = pending_after(organizations[0]).count() if len(organizations) == 1 else 0
    return gettext("Approve and next (%(number)d more)") % {"number": more} if more else ""


def report_approved(page, request: HttpRequest, outcomes: list) -> HttpResponse | None:
    """Report the approvals. After "Approve and next", show the next profile."""
    report_outcomes(page, request, outcomes, APPROVED)
    following = pending_after(outcomes[0][0]).first() if "_next" in request.POST and outcomes else None
    if following is None:
        return None
    rows = with_logos(page.get_queryset(request).filter(pk=following.pk))
    return approve.row_action.ask(page, request, rows, None)


@row_action(
    _("Approve profiles"),
    permissions=["change"],
    button=ngettext_lazy("Approve %(number)d profile", "Approve %(number)d profiles", "number"),
    done=APPROVED,
    undo=_("This is what the public will see. You can withdraw an approval later."),
    row_template="admin/partners/organization/_profile.html",
    fingerprint=profiles.profile_fingerprint,
    prepare=with_logos,
    next_button=approve_and_next,
    report=report_approved,
)
def approve(page, request, organizations):
    """Approve profiles as staff saw them."""
    return [(row, components.outcome_of(approve_as_seen(request), row, "approved_at")) for row in organizations]


def approve_as_seen(request: HttpRequest):
    def act(organization: Model) -> Organization:
        seen = profiles.profile_fingerprint(organization)
        return profiles.approve_listing(organization, by=request.user.get_username(), seen=seen)

    return act


@row_action(
    _("Withdraw approval"),
    permissions=["change"],
    button=ngettext_lazy("Withdraw %(number)d approval", "Withdraw %(number)d approvals", "number"),
    done=ngettext_lazy("%(number)d approval withdrawn.", "%(number)d approvals withdrawn.", "number"),
    undo=_("The organizations disappear from the public directory until you approve them again."),
)
def hide(page, request, organizations):
    return [(row, withdrawal_outcome(row)) for row in organizations]


def withdrawal_outcome(organization: Organization) -> Outcome:
    return components.outcome_of(profiles.withdraw_approval, organization, "approved_at")


ACTIONS = (approve, hide, begin_pledge, begin_and_mail)
