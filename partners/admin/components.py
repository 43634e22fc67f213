"""Functions shared by the admin pages of this app."""

from collections.abc import Callable, Iterable

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import CharField, F, Model, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, pgettext

from imagine.core.admin.actions import Outcome, missing_rows_message
from imagine.core.errors import RuleViolation
from imagine.mail.models import Message
from partners.models import Grade, Pledge, Promise
from partners.pledges.promises import localized_field, month_name, signed_amount

MAX_EMAILS = 20  # emails shown on a page
LINKS_SENT = ngettext_lazy("%(number)d personal link emailed.", "%(number)d personal links emailed.", "number")
LINKS_SENT_RECENTLY = ngettext_lazy(
    "%(number)d personal link was emailed in the last 10 minutes, so we didn’t send it again.",
    "%(number)d personal links were emailed in the last 10 minutes, so we didn’t send them again.",
    "number",
)


def outcome_of(act: Callable[[Model], Model], row: Model, field: str) -> Outcome:
    """Return whether a rule changed `field` of a row, or the exception that it raised."""
    try:
        return getattr(act(row), field) != getattr(row, field)
    except (RuleViolation, ObjectDoesNotExist) as refused:
        return refused


def redirect_if_gone(page: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Redirect to the list, for a record that was merged or deleted in the meantime."""
    message = _("This record was merged or deleted in the meantime. Nothing was saved.")
    page.message_user(request, message, messages.WARNING)
    return redirect(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def delete_each(page: ModelAdmin, request: HttpRequest, rows: Iterable[Model]) -> None:
    """Delete rows with the page's rule, and report how many were already deleted."""
    missing = 0
    for row in rows:
        try:
            page.delete_model(request, row)
        except type(row).DoesNotExist:
            missing += 1
    if missing:
        page.message_user(request, missing_rows_message(missing), messages.WARNING)


def anonymize_log(*rows: Model) -> None:
    """Remove the names of deleted records of one model from Django's log."""
    keys, kind = [str(row.pk) for row in rows], ContentType.objects.get_for_model(rows[0])
    entries = LogEntry.objects.filter(content_type=kind, object_id__in=keys)
    entries.update(object_repr=Concat(Value(f"{kind.model} "), F("object_id"), output_field=CharField()))


def pledge_state(pledge: Pledge) -> str:
    """Return the label of a pledge's state, which depends on whether its year is closed."""
    if pledge.signed_at:
        return pgettext("pledge", "Signed")
    return pgettext("pledge", "Never signed") if pledge.year.closed_at else pgettext("pledge", "Draft")


def promise_texts(promise: Promise) -> dict[str, str]:
    """Return the texts that describe a promise."""
    return {
        "promise_type": promise.promise_type.localized_name,
        "amount": promise.amount,
        **places_and_times(promise.grades, promise.months, [school.name for school in promise.schools.all()]),
        "note": promise.note,
    }


def signed_promise_row(promise: dict) -> dict[str, str]:
    """Return the texts that describe a promise of a signed version, as they were when it was signed."""
    return {
        "promise_type": localized_field(promise, "name"),
        "amount": signed_amount(promise),
        **places_and_times(promise["grades"], promise["months"], promise["schools"]),
        "note": promise["note"],
    }


def places_and_times(grades: list[str], months: list[int], schools: list[str]) -> dict[str, str]:
    bands = ((Grade(grade).label,) for grade in grades)
    return {
        "grades": format_html_join(", ", '<span class="admin-nowrap">{}</span>', bands),
        "months": ", ".join(month_name(number) for number in months),
        "schools": ", ".join(schools) or str(_("wherever it is needed most")),
    }


def recent_emails(pledges: Iterable[Pledge]) -> str:
    """Return the latest emails about some pledges with their states, from one query."""
    latest = list(Message.objects.about_any(pledges).defer("body_text", "body_html", "ics")[: MAX_EMAILS + 1])
    return render_to_string(
        "admin/partners/recent_emails.html", {"mails": latest[:MAX_EMAILS], "has_more": len(latest) > MAX_EMAILS}
    )
