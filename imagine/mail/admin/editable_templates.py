"""The words of mail as staff change them: one page for each kind of mail, with both languages and a preview."""

import json
from collections.abc import Mapping
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
from imagine.mail.editable_templates import Kind, Words
from imagine.mail.html_preview import framed
from imagine.mail.models import TemplateOverride


class TemplateOverrideForm(ConcurrentEditForm):
    """What one kind of mail says in one language. A row is there only once staff said it in their own words; before
    that the form shows the shipped ones, and two editors meet all the same."""

    class Meta:
        model = TemplateOverride
        fields = ("subject", "text")
        widgets = {"subject": forms.TextInput(attrs={"size": 70}), "text": forms.Textarea(attrs={"rows": 14})}

    def __init__(self, kind: Kind, language: str, data: Mapping | None = None, *, may_change: bool = True):
        self.kind, self.language = kind, language
        super().__init__(data, prefix=language, instance=editable_templates.stored(kind, language))
        self.initial["shown"] = json.dumps(self.state(self.instance))
        for name in ("subject", "text"):
            self.fields[name].strip = False  # the rule tidies, and a line's end in a subject must be seen
            self.fields[name].required = False  # the rule says it in its own words
            self.fields[name].disabled = not may_change

    def locked_row(self) -> TemplateOverride:
        return editable_templates.stored(self.kind, self.language)  # the page holds the lock of all wordings

    def clean_subject(self) -> str:
        return editable_templates.tidied(Words(self.cleaned_data["subject"], "")).subject

    def clean_text(self) -> str:
        return editable_templates.tidied(Words("", self.cleaned_data["text"])).text

    def clean(self):
        answers = forms.ModelForm.clean(self)
        self.compare(self.locked_row())
        for name, sentences in editable_templates.faults(self.kind, self.words).items():
            if name not in self.errors:
                for sentence in sentences:
                    self.add_error(name, sentence)
        return answers

    @property
    def words(self) -> Words:
        """What was typed."""
        return Words(self.cleaned_data.get("subject", ""), self.cleaned_data.get("text", ""))

    @property
    def is_behind(self) -> bool:
        """Somebody else saved since this form was shown."""
        return parse_shown(self.data.get(self.add_prefix("shown"))) != self.state(self.locked_row())


class Side(NamedTuple):
    """One language of the page: its form, what is said of it, and the mail with its words; no mail when they do not
    fit."""

    name: str
    form: TemplateOverrideForm
    notes: list[str]
    mail: editable_templates.RenderedEmail | None
    page: str


def side(form: TemplateOverrideForm, nonce: str) -> Side:
    kind, language, notes = form.kind, form.language, []
    words = form.words if form.is_bound else Words(form.instance.subject, form.instance.text)
    sentences = [each for part in editable_templates.faults(kind, words).values() for each in part]
    if sentences and not form.is_bound:
        notes = [_("These words do not fit any more, so the shipped words are sent until you save others."), *sentences]
        words, sentences = kind.shipped(language), []
    mail = None if sentences else editable_templates.example(kind, language, words)
    return Side(dict(settings.LANGUAGES)[language], form, notes, mail, framed(mail.body_html, nonce) if mail else "")


class Row(NamedTuple):
    """One kind of mail in the list."""

    kind: Kind
    own: list[TemplateOverride]
    unfit: bool


@admin.register(TemplateOverride)
class TemplateOverrideAdmin(admin.ModelAdmin):
    """Django's own pages are replaced: there is a kind of mail before there is a row."""

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_urls(self):
        page = self.admin_site.admin_view(self.page)
        return [path("<slug:code>/", page, name="mail_templateoverride_page"), *super().get_urls()]

    def change_view(self, *_args, **_kwargs):
        """Django's form asks no rule, and writes no history."""
        raise Http404

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        stored: dict[str, list[TemplateOverride]] = {}
        for row in TemplateOverride.objects.active().order_by("kind", "language"):
            stored.setdefault(row.kind, []).append(row)
        rows = [self.row(kind, stored.get(code, [])) for code, kind in editable_templates.KINDS.items()]
        context = {**self.admin_site.each_context(request), "title": self.title, "opts": self.opts, "rows": rows}
        return render(request, "admin/mail/templateoverride/list.html", context)

    title = gettext_lazy("Words of mail")

    def row(self, kind: Kind, own: list[TemplateOverride]) -> Row:
        return Row(
            kind, own, any(any(editable_templates.faults(kind, Words(row.subject, row.text)).values()) for row in own)
        )

    @method_decorator(csp_update({"style-src": [NONCE]}))  # for the mails in their frames
    def page(self, request: HttpRequest, code: str) -> HttpResponse:
        kind = editable_templates.KINDS.get(code)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind is None:
            raise Http404
        may_change = self.has_change_permission(request)
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        with transaction.atomic():
            if request.method != "POST":
                return self.shown(request, kind, forms_of(kind, may_change=may_change))
            editable_templates.lock(kind)
            return self.changed(request, kind, forms_of(kind, request.POST))

    def changed(self, request: HttpRequest, kind: Kind, both: list[TemplateOverrideForm]) -> HttpResponse:
        """What was pressed is done, or the page comes back and says why not."""
        if "_shipped" in request.POST:
            if any(form.is_behind for form in both):
                return self.shown(
                    request,
                    kind,
                    forms_of(kind),
                    notes=[
                        _("Somebody else saved while you had this open. Nothing is done yet: these are the words now.")
                    ],
                )
            editable_templates.take_back(kind)
            self.message_user(request, _("The shipped words are said again. What was said before is in the history."))
        elif False in [form.is_valid() for form in both] or "_preview" in request.POST:
            return self.shown(request, kind, both, notes=conflict_messages(both))
        else:
            by = request.user.get_username()
            changed = [editable_templates.change(kind, form.language, form.words, by=by) for form in both]
            said = _("Saved. It is said so from the next mail on.") if any(changed) else _("Nothing was different.")
            self.message_user(request, said, messages.SUCCESS if any(changed) else messages.INFO)
        return redirect("admin:mail_templateoverride_page", kind.code)

    def shown(self, request: HttpRequest, kind: Kind, both: list[TemplateOverrideForm], notes=()) -> HttpResponse:
        rows = list(TemplateOverride.objects.filter(kind=kind.code).order_by("language"))
        context = {
            **self.admin_site.each_context(request),
            "title": kind.title,
            "opts": self.opts,
            "kind": kind,
            "notes": notes,
            "sides": [side(form, str(request.csp_nonce)) for form in both],
            "has_errors": not notes and any(form.errors for form in both),
            "placeholders": editable_templates.placeholders(kind).items(),
            "may_change": self.has_change_permission(request),
            "has_own": any(row.text for row in rows),
            "history": audit.history_table(*rows, name=TemplateOverride.get_language_display),
        }
        return render(request, "admin/mail/templateoverride/page.html", context)


def forms_of(kind: Kind, data: Mapping | None = None, *, may_change: bool = True) -> list[TemplateOverrideForm]:
    return [
        TemplateOverrideForm(kind, language, data, may_change=may_change) for language in editable_templates.LANGUAGES
    ]
