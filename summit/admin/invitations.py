"""Invitations in the admin: who was invited to which event, what they answered, and exports."""

from collections.abc import Callable

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy, pgettext_lazy

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin, Outcome, row_action
from imagine.core.admin.exports import ExportAdmin, csv_and_xlsx
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.admin.permissions import may_replace_links
from imagine.core.admin.read_only import ReadOnlyMixin
from imagine.core.formatting import day, short_date
from imagine.core.relations import about_rows
from imagine.core.spreadsheets.writer import Export
from imagine.mail.models import Message
from partners.admin.contacts import search_contacts
from partners.admin.filters import ChoiceFilter
from summit import exports
from summit.emails.kinds import SummitEmailKind
from summit.invitations import responses
from summit.models import Invitation, Rsvp

Answer = Invitation.Answer
State = Message.State


class AnswerFilter(ChoiceFilter):
    title, parameter_name = _("answer"), "answer"

    def lookups(self, request, model_admin):
        return Answer.choices

    def narrow(self, queryset, value):
        if value == Answer.ACCEPTED:
            return queryset.accepted()
        return queryset.unanswered() if value == Answer.OPEN else queryset.declined()


class MailFilter(ChoiceFilter):
    title, parameter_name = pgettext_lazy("one email", "email"), "mail"

    def lookups(self, request, model_admin):
        return [*State.choices, ("none", _("Not prepared yet"))]

    def narrow(self, queryset, value):
        return queryset.filter(email_state__isnull=True) if value == "none" else queryset.filter(email_state=value)


def invitation_outcome(action: Callable[[Invitation], object], invitation: Invitation) -> Outcome:
    try:
        return action(invitation) is not False
    except Invitation.DoesNotExist as error:
        return error


@row_action(
    _("Replace personal link and email the new one"),
    permissions=["link"],
    button=ngettext_lazy("Replace %(number)d personal link", "Replace %(number)d personal links", "number"),
    done=ngettext_lazy("%(number)d personal link replaced.", "%(number)d personal links replaced.", "number"),
    undo=_("The old links stop working right away. You can’t undo this."),
    is_dangerous=True,
)
def replace_links(page, request, invitations):
    return [(each, invitation_outcome(responses.replace_invitation_link, each)) for each in invitations]


def export_invitations(request: HttpRequest, invitations) -> Export:
    return exports.invitation_export(invitations)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyMixin, GuardedAdmin, ActionsAdmin, ExportAdmin):
    """Read-only: people answer by their personal links, and a mailing is stopped on its own page."""

    view_on_site = False  # it's a personal link
    list_display = ("name", "organization", "day", "answered", "seats", "decline_message", "mail", "asked_on")
    list_filter = (AnswerFilter, MailFilter, "event")
    list_select_related = ("event", "contact__organization", "rsvp")
    search_fields = ("contact",)  # see get_search_results()
    search_help_text = _("Search by name, email, or organization.")
    show_full_result_count = False
    change_list_template = "admin/partners/change_list.html"
    actions = (replace_links,)
    files = csv_and_xlsx(
        "list",
        {"csv": _("Download invitations (CSV)"), "xlsx": _("Download invitations (Excel)")},
        lambda invitations: invitations,
        export_invitations,
    )
    fieldsets = [
        (None, {"fields": ["to", "email", "to_event", "answered", "decline_message", "declined_at", "party"]}),
        (pgettext_lazy("one email", "Email"), {"fields": ["mailed_with", "emails", "created_at"]}),
        (_("Change history"), {"fields": ["history"]}),
    ]

    def has_link_permission(self, request):
        return may_replace_links(request, "summit.change_invitation")

    def row_label(self, invitation: Invitation) -> str:
        contact, organization = invitation.contact, str(invitation.contact.organization or "")
        return ", ".join(filter(None, [contact.name, organization, contact.email]))

    def get_queryset(self, request):
        bulk_messages = Message.objects.filter(kind=SummitEmailKind.INVITATION, queue=Message.Queue.BULK)
        mail = bulk_messages.filter(about_rows(Invitation, OuterRef("pk"))).order_by()
        return super().get_queryset(request).annotate(email_state=Subquery(mail.values("state")))

    def get_search_results(self, request, queryset, search_term):
        return queryset.filter(contact__in=search_contacts(search_term)) if search_term else queryset, False

    # List ------------------------------------------------------------------------------------------------------

    @admin.display(description=_("contact"), ordering="contact__name")
    def name(self, invitation: Invitation) -> str:
        return invitation.contact.name

    @admin.display(description=_("organization"), ordering="contact__organization__name")
    def organization(self, invitation: Invitation) -> str:
        return str(invitation.contact.organization or "")

    @admin.display(description=_("event"), ordering="event__starts_at")
    def day(self, invitation: Invitation) -> str:
        return short_date(invitation.event.starts_at)

    @admin.display(description=_("answer"))
    def answered(self, invitation: Invitation) -> str:
        return invitation.answer.label

    @admin.display(description=_("seats"), ordering="rsvp__held_seats")
    def seats(self, invitation: Invitation) -> int | str:
        return invitation.rsvp.party_size if invitation.answer == Answer.ACCEPTED else ""

    @admin.display(description=pgettext_lazy("one email", "email"))
    def mail(self, invitation: Invitation) -> str:
        return State(invitation.email_state).label if invitation.email_state else _("Not prepared yet")

    @admin.display(description=_("invited"), ordering="created_at")
    def asked_on(self, invitation: Invitation) -> str:
        return day(invitation.created_at)

    # Page ------------------------------------------------------------------------------------------------------

    @admin.display(description=_("contact"))
    def to(self, invitation: Invitation) -> str:
        address = reverse("admin:partners_contact_change", args=[invitation.contact_id])
        names = filter(None, [invitation.contact.name, str(invitation.contact.organization or "")])
        return format_html('<a href="{}">{}</a>', address, ", ".join(names))

    @admin.display(description=_("email"))
    def email(self, invitation: Invitation) -> str:
        return invitation.contact.email

    @admin.display(description=_("event"))
    def to_event(self, invitation: Invitation) -> str:
        address = reverse("admin:summit_event_change", args=[invitation.event_id])
        return format_html('<a href="{}">{}</a>', address, invitation.event)

    @admin.display(description=_("RSVP"))
    def party(self, invitation: Invitation) -> str:
        if not invitation.rsvp:
            return _("No RSVP")
        address = reverse("admin:summit_rsvp_change", args=[invitation.rsvp_id])
        number = ngettext("%(number)d seat", "%(number)d seats", invitation.rsvp.party_size)
        state = Rsvp.Status(invitation.rsvp.status).label
        label = state if invitation.rsvp.canceled_at else f"{number % {'number': invitation.rsvp.party_size}}, {state}"
        return format_html('<a href="{}">{}</a>', address, label)

    @admin.display(description=_("mailing"))
    def mailed_with(self, invitation: Invitation) -> str:
        address = reverse("admin:mail_mailing_change", args=[invitation.mailing_id])
        return format_html('<a href="{}">{}</a>', address, invitation.mailing)

    @admin.display(description=_("emails"))
    def emails(self, invitation: Invitation) -> str:
        mails = invitation.messages.defer("body_text", "body_html", "ics")
        return render_to_string("admin/partners/recent_emails.html", {"mails": mails})

    @admin.display(description=_("change history"))
    def history(self, invitation: Invitation) -> str:
        return audit.history_table(invitation, value_labels={"answer": dict(Answer.choices)})
