"""Emails to guests in the admin: drafts, and the page that shows the recipients and the email before it is sent."""

from functools import partial
from typing import NamedTuple

from csp.constants import NONCE
from csp.decorators import csp_update
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from imagine.core.admin.actions import ActionsAdmin
from imagine.core.admin.pagination import page_with_links
from imagine.core.formatting import short_date
from imagine.core.forms import LineField
from imagine.core.uploads import takes_files
from imagine.mail.admin.mailings import STATE_LABELS
from imagine.mail.bulk.progress import mailing_progress
from imagine.mail.editable_templates import LANGUAGES, describe_placeholders
from imagine.mail.html_preview import preview_document
from imagine.mail.rendering import RenderedEmail
from summit.admin.invite_wizard import ConfirmForm
from summit.admin.staff_email_form import StaffEmailForm
from summit.emails.staff_email import TO_PARTIES, Recipient, preview_staff_email
from summit.models import Event, Rsvp, StaffEmail
from summit.staff_emails import attachments, starting
from summit.staff_emails.recipients import ExclusionReason, find_recipients, fingerprint_email

PEOPLE_PER_PAGE = 25
DRAFT = _("Draft")


class ConfirmEmailForm(ConfirmForm):
    number = LineField(
        label=_("Number of people to email"),
        max_length=12,
        error_messages={"required": _("Type the number of people to email.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8}),
    )

    def wrong_number(self, typed: str, shown: int) -> str:
        message = ngettext(
            "You typed %(typed)s, but %(shown)d person would be emailed. No one was emailed. Type the number again.",
            "You typed %(typed)s, but %(shown)d people would be emailed. No one was emailed. Type the number again.",
            shown,
        )
        return message % {"typed": typed, "shown": shown}


@admin.register(StaffEmail)
class StaffEmailAdmin(ActionsAdmin):
    form = StaffEmailForm
    list_display = ("subject", "event", "state", "people", "written_by", "changed")
    list_filter = ("event",)
    list_select_related = ("event", "mailing")
    search_fields = ("subject", "text")
    show_full_result_count = False
    readonly_fields = ("attached", "emailed_guests")
    actions = None
    fieldsets = [
        (None, {"fields": ("event", "statuses", "shown")}),
        (_("English"), {"fields": ("subject", "text")}),
        (_("Spanish"), {"fields": ("subject_es", "text_es")}),
        (_("Attachment"), {"fields": ("attached", "no_attachment", "upload")}),
    ]

    def get_queryset(self, request):
        return super().get_queryset(request).defer("attachment")

    def get_urls(self):
        view = require_http_methods(["GET", "HEAD", "POST"])(partial(review_page, self))
        review = path("<int:pk>/review/", self.admin_site.admin_view(view), name="summit_staffemail_review")
        return [review, *super().get_urls()]

    # An email with a mailing stays as it was sent.

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_draft)

    # List ------------------------------------------------------------------------------------------------------

    @admin.display(description=_("status"))
    def state(self, email: StaffEmail) -> str:
        return STATE_LABELS[mailing_progress(email.mailing).state] if email.mailing else DRAFT

    @admin.display(description=_("recipients"))
    def people(self, email: StaffEmail) -> int | str:
        return email.mailing.recipient_count if email.mailing else "–"

    @admin.display(description=_("last changed"), ordering="changed_at")
    def changed(self, email: StaffEmail) -> str:
        return short_date(email.changed_at)

    # Form ------------------------------------------------------------------------------------------------------

    @takes_files(max_size=attachments.MAX_BYTES)
    def add_view(self, *args, **kwargs):
        return super().add_view(*args, **kwargs)

    @takes_files(max_size=attachments.MAX_BYTES)
    def change_view(self, *args, **kwargs):
        return super().change_view(*args, **kwargs)

    def get_fieldsets(self, request, obj=None):
        """Show the name of the attachment, and the box that removes it, only if there is one."""
        has_file = bool(obj and obj.attachment_name)
        shown = ["attached"] if has_file else []
        if obj is None or self.has_change_permission(request, obj):
            shown += ["no_attachment", "upload"] if has_file else ["upload"]
        text = list(self.fieldsets[:-1])
        if obj and not self.has_change_permission(request, obj):
            text[0] = (None, {"fields": ("event", "emailed_guests")})
        return [*text, *([(_("Attachment"), {"fields": shown})] if shown else [])]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Drop the buttons that add or change an event from here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def get_changeform_initial_data(self, request):
        number = request.GET.get("event", "")
        event = Event.objects.filter(pk=number).first() if number.isascii() and number.isdigit() else None
        if event is None:
            return {"statuses": [StaffEmail.Status.CONFIRMED]}
        return {"event": event.pk, "statuses": [StaffEmail.Status.CONFIRMED]}

    @admin.display(description=_("guests to email"))
    def emailed_guests(self, email: StaffEmail) -> str:
        return status_labels(email)

    @admin.display(description=_("file"))
    def attached(self, email: StaffEmail) -> str:
        return email.attachment_name

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        context["placeholders"] = describe_placeholders(TO_PARTIES).items()
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request, obj, form, change):
        obj.written_by = request.user.get_username()
        super().save_model(request, obj, form, change)

    def response_add(self, request, obj, post_url_continue=None):
        return self.onward(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request, obj):
        return self.onward(request, obj) or super().response_change(request, obj)

    def onward(self, request, email: StaffEmail) -> HttpResponse | None:
        return redirect("admin:summit_staffemail_review", email.pk) if "_review" in request.POST else None


# Review recipients and the email, and confirm their number -------------------------------------------------------


@csp_update({"style-src": [NONCE]})  # for the previews
def review_page(page: StaffEmailAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show who gets the email, who is excluded and why, and the email as one of them gets it. A POST starts the
    mailing."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    emails = StaffEmail.objects.defer("attachment").select_related("event", "mailing")
    email = get_object_or_404(emails, pk=pk)
    may_send = request.user.has_perms(["summit.change_staffemail", "summit.add_invitation"])
    if request.method == "POST" and not may_send:
        raise PermissionDenied
    if email.mailing:
        return redirect("admin:mail_mailing_change", email.mailing.pk)
    form = ConfirmEmailForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (answer := start_staff_mailing(request, email, form)):
        return answer
    context = {
        **page.admin_site.each_context(request),
        **review_context(request, email),
        "title": _("Review recipients"),
        "opts": page.opts,
        "email": email,
        "form": form,
        "may_send": may_send,
        "may_change": page.has_change_permission(request, email),
    }
    return render(request, "admin/summit/staffemail/review.html", context, status=422 if form.errors else 200)


def start_staff_mailing(request: HttpRequest, email: StaffEmail, form: forms.Form) -> HttpResponse | None:
    """Redirect to the page of the new mailing, or add the error to the form and return None."""
    shown, mark = form.cleaned_data["shown"], form.cleaned_data["mark"]
    try:
        mailing = starting.start_staff_email(email, count=shown, mark=mark, by=request.user.get_username())
    except starting.CannotEmail as error:
        form.add_error(None, str(error))
        form.data = {}  # the number must be typed again for the people shown now
        return None
    message = ngettext(
        "Mailing started. We’re emailing %(n)d person.",
        "Mailing started. We’re emailing %(n)d people.",
        mailing.recipient_count,
    )
    messages.success(request, message % {"n": mailing.recipient_count})
    return redirect("admin:mail_mailing_change", mailing.pk)


def review_context(request: HttpRequest, email: StaffEmail) -> dict:
    people = find_recipients(email)
    emailed = [person for person in people if not person.reason]
    excluded = [person for person in people if person.reason]
    reasons = [(reason.label, sum(each.reason == reason for each in excluded)) for reason in ExclusionReason]
    words = request.GET.get("q", "").replace("\0", "").strip()[:200]
    found = [person for person in emailed if matches(person, words)]
    rows = page_with_links(request, "page", Paginator(found, PEOPLE_PER_PAGE))
    reader = next((person for person in emailed if person.key == request.GET.get("as")), next(iter(rows), None))
    return {
        "count": len(emailed),
        "mark": fingerprint_email(email, emailed),
        "in_spanish": sum(person.language == "es" for person in emailed),
        "statuses": status_labels(email),
        "excluded": [(person, row_url(person)) for person in excluded],
        "reasons": [(label, number) for label, number in reasons if number],
        "words": words,
        "people": rows,
        "rows": [(person, row_url(person), person_preview_url(request, person)) for person in rows],
        "reader": reader,
        "previews": [preview(request, email, reader, language) for language in LANGUAGES] if reader else [],
    }


def status_labels(email: StaffEmail) -> str:
    return ", ".join(str(StaffEmail.Status(status).label) for status in email.statuses)


def matches(person: Recipient, words: str) -> bool:
    text = f"{person.name} {person.email} {person.organization}".casefold()
    return all(word in text for word in words.casefold().split())


def row_url(person: Recipient) -> str:
    model = "rsvp" if isinstance(person.about, Rsvp) else "invitation"
    return reverse(f"admin:summit_{model}_change", args=[person.about.pk])


def person_preview_url(request: HttpRequest, person: Recipient) -> str:
    query = request.GET.copy()
    query["as"] = person.key
    return f"?{query.urlencode()}#mail"


class EmailPreview(NamedTuple):
    """The email in one language, as a document for a frame and as text. `is_theirs` if the reader gets this one."""

    language: str
    language_name: str
    email: RenderedEmail
    document: str
    is_theirs: bool


def preview(request: HttpRequest, email: StaffEmail, reader: Recipient, language: str) -> EmailPreview:
    rendered = preview_staff_email(email, reader, language)
    document = preview_document(rendered.body_html, str(request.csp_nonce))
    name = dict(settings.LANGUAGES)[language]
    return EmailPreview(language, name, rendered, document, reader.language == language)
