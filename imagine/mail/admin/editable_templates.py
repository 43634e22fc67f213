"""Editable email templates in the admin: one page for each, with both languages and a preview."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from csp.constants import NONCE
from csp.decorators import csp_update
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagine.core import audit
from imagine.core.admin.concurrent_edit import ConcurrentEditForm, conflict_messages, parse_shown
from imagine.mail import editable_templates
from imagine.mail.editable_templates import EditableTemplate, TemplateText
from imagine.mail.html_preview import preview_document
from imagine.mail.models import TemplateOverride
from imagine.mail.rendering import RenderedEmail


class TemplateOverrideForm(ConcurrentEditForm):
    """A template's text in one language. It starts with the default text if staff saved none, and concurrent edits are
    found even then."""

    class Meta:
        model = TemplateOverride
        fields = ("subject", "text")
        widgets = {"subject": forms.TextInput(attrs={"size": 70}), "text": forms.Textarea(attrs={"rows": 14})}

    def __init__(
        self, template: EditableTemplate, language: str, data: Mapping | None = None, *, can_change: bool = True
    ):
        self.template, self.language = template, language
        super().__init__(data, prefix=language, instance=editable_templates.get_override(template, language))
        self.initial["shown"] = json.dumps(self.state(self.instance))
        for name in ("subject", "text"):
            self.fields[name].strip = False  # find_errors must see a line break in a subject
            self.fields[name].required = False  # find_errors has its own message
            self.fields[name].disabled = not can_change

    def locked_row(self) -> TemplateOverride:
        return editable_templates.get_override(self.template, self.language)  # the view holds the lock

    def clean_subject(self) -> str:
        return editable_templates.normalize_text(TemplateText(self.cleaned_data["subject"], "")).subject

    def clean_text(self) -> str:
        return editable_templates.normalize_text(TemplateText("", self.cleaned_data["text"])).text

    def clean(self):
        cleaned_data = forms.ModelForm.clean(self)
        self.compare(self.locked_row())
        for name, errors in editable_templates.find_errors(self.template, self.entered_text).items():
            if name not in self.errors:
                for error in errors:
                    self.add_error(name, error)
        return cleaned_data

    @property
    def entered_text(self) -> TemplateText:
        return TemplateText(self.cleaned_data.get("subject", ""), self.cleaned_data.get("text", ""))

    @property
    def is_outdated(self) -> bool:
        """Whether someone else has saved since the form was shown."""
        return parse_shown(self.data.get(self.add_prefix("shown"))) != self.state(self.locked_row())


class TemplateColumn(NamedTuple):
    """One language of the page. `email` and `document` are the preview, None and empty if the text has errors."""

    language_name: str
    form: TemplateOverrideForm
    notes: list[str]
    email: RenderedEmail | None
    document: str


def template_column(form: TemplateOverrideForm, nonce: str) -> TemplateColumn:
    template, language, notes = form.template, form.language, []
    text = form.entered_text if form.is_bound else TemplateText(form.instance.subject, form.instance.text)
    errors = [error for errors in editable_templates.find_errors(template, text).values() for error in errors]
    if errors and not form.is_bound:
        notes = [_("This text uses a placeholder that no longer exists, so the default text is being sent."), *errors]
        text, errors = template.default_text(language), []
    email = None if errors else editable_templates.render_example(template, language, text)
    document = preview_document(email.body_html, nonce) if email else ""
    return TemplateColumn(dict(settings.LANGUAGES)[language], form, notes, email, document)


class TemplateRow(NamedTuple):
    """A template in the list, with the texts that staff saved."""

    template: EditableTemplate
    overrides: list[TemplateOverride]
    has_errors: bool


def template_row(template: EditableTemplate, overrides: list[TemplateOverride]) -> TemplateRow:
    errors = [editable_templates.find_errors(template, TemplateText(row.subject, row.text)) for row in overrides]
    return TemplateRow(template, overrides, any(any(each.values()) for each in errors))


@admin.register(TemplateOverride)
class TemplateOverrideAdmin(admin.ModelAdmin):
    """List the registered templates, whether or not they have rows, and edit both languages on one page."""

    title = gettext_lazy("Email templates")

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_urls(self):
        view = self.admin_site.admin_view(self.template_view)
        return [path("<slug:code>/", view, name="mail_templateoverride_page"), *super().get_urls()]

    def change_view(self, *_args, **_kwargs):
        """Hide Django's own form, which would save without validation and history."""
        raise Http404

    def history_view(self, *_args, **_kwargs):
        """Hide Django's log, which leads to its own form; the page of a template shows the change history."""
        raise Http404

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        overrides: dict[str, list[TemplateOverride]] = {}
        for row in TemplateOverride.objects.active().order_by("template", "language"):
            overrides.setdefault(row.template, []).append(row)
        rows = [template_row(each, overrides.get(code, [])) for code, each in editable_templates.TEMPLATES.items()]
        context = {**self.admin_site.each_context(request), "title": self.title, "opts": self.opts, "rows": rows}
        return render(request, "admin/mail/templateoverride/list.html", context)

    @method_decorator(csp_update({"style-src": [NONCE]}))  # for the previews
    def template_view(self, request: HttpRequest, code: str) -> HttpResponse:
        template = editable_templates.TEMPLATES.get(code)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if template is None:
            raise Http404
        can_change = self.has_change_permission(request)
        if request.method == "POST" and not can_change:
            raise PermissionDenied
        with transaction.atomic():
            if request.method != "POST":
                return self.render_template_page(request, template, template_forms(template, can_change=can_change))
            editable_templates.lock_overrides(template)
            return self.handle_post(request, template, template_forms(template, request.POST))

    def handle_post(
        self, request: HttpRequest, template: EditableTemplate, language_forms: list[TemplateOverrideForm]
    ) -> HttpResponse:
        if "_restore" in request.POST:
            return self.restore_default_text(request, template, language_forms)
        if False in [form.is_valid() for form in language_forms] or "_preview" in request.POST:
            return self.render_template_page(request, template, language_forms, notes=conflict_messages(language_forms))
        username = request.user.get_username()
        changes = [
            editable_templates.save_text(template, form.language, form.entered_text, changed_by=username)
            for form in language_forms
        ]
        if any(changes):
            self.message_user(request, _("Saved. The new text will be used from the next email on."), messages.SUCCESS)
        else:
            self.message_user(request, _("No changes to save."), messages.INFO)
        return redirect("admin:mail_templateoverride_page", template.code)

    def restore_default_text(
        self, request: HttpRequest, template: EditableTemplate, language_forms: list[TemplateOverrideForm]
    ) -> HttpResponse:
        if any(form.is_outdated for form in language_forms):
            note = _(
                "Someone else saved changes while you had this page open. Nothing was restored. This is the text now."
            )
            return self.render_template_page(request, template, template_forms(template), notes=[note])
        editable_templates.restore_default_text(template)
        self.message_user(request, _("Default text restored. The earlier text is in the change history."))
        return redirect("admin:mail_templateoverride_page", template.code)

    def render_template_page(
        self,
        request: HttpRequest,
        template: EditableTemplate,
        language_forms: list[TemplateOverrideForm],
        notes: Sequence[str] = (),
    ) -> HttpResponse:
        rows = list(TemplateOverride.objects.filter(template=template.code).order_by("language"))
        context = {
            **self.admin_site.each_context(request),
            "title": template.title,
            "opts": self.opts,
            "notes": notes,
            "columns": [template_column(form, str(request.csp_nonce)) for form in language_forms],
            "has_errors": not notes and any(form.errors for form in language_forms),
            "placeholders": editable_templates.describe_placeholders(template).items(),
            "can_change": self.has_change_permission(request),
            "has_overrides": any(row.text for row in rows),
            "history": audit.history_table(*rows, name=TemplateOverride.get_language_display),
        }
        return render(request, "admin/mail/templateoverride/page.html", context)


def template_forms(
    template: EditableTemplate, data: Mapping | None = None, *, can_change: bool = True
) -> list[TemplateOverrideForm]:
    return [
        TemplateOverrideForm(template, language, data, can_change=can_change)
        for language in editable_templates.LANGUAGES
    ]
