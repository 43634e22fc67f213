"""The form of an email to guests, with its attachment."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.concurrent_edit import ConcurrentEditForm
from imagine.mail import editable_templates
from imagine.mail.editable_templates import TemplateText
from summit.emails.staff_email import TO_PARTIES
from summit.models import StaffEmail
from summit.staff_emails import attachments
from summit.staff_emails.recipients import count_by_status

TEXT_FIELDS = ("subject", "text", "subject_es", "text_es")


class StaffEmailForm(ConcurrentEditForm):
    statuses = forms.MultipleChoiceField(
        label=_("Guests to email"),
        choices=StaffEmail.Status.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A partly confirmed party is both confirmed and waitlisted. Each address gets one email."),
        error_messages={"required": _("Choose at least one status.")},
    )
    upload = forms.FileField(
        label=_("Attachment"),
        required=False,
        help_text=_("A PDF, a PNG or JPEG image, or a Word, Excel or PowerPoint file, up to 5 MB."),
    )
    no_attachment = forms.BooleanField(label=_("Remove the attachment"), required=False)

    class Meta:
        model = StaffEmail
        fields = ("event", "statuses", *TEXT_FIELDS)
        widgets = {
            "subject": forms.TextInput(attrs={"size": 70}),
            "subject_es": forms.TextInput(attrs={"size": 70, "lang": "es"}),
            "text": forms.Textarea(attrs={"rows": 12, "cols": 70}),
            "text_es": forms.Textarea(attrs={"rows": 12, "cols": 70, "lang": "es"}),
        }
        help_texts = {
            "text_es": _("If you leave the Spanish blank, guests who read Spanish get the English email."),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        event = self.initial.get("event") or self.instance.event_id
        if event and {"event", "statuses"} <= self.fields.keys():
            counts = count_by_status(self.fields["event"].queryset.get(pk=event))
            labels = dict(StaffEmail.Status.choices)
            self.fields["statuses"].choices = [(each, f"{labels[each]} ({counts[each]})") for each in labels]
        if not self.instance.attachment_name:
            self.fields.pop("no_attachment", None)

    def locked_row(self) -> StaffEmail:
        return StaffEmail.objects.select_for_update(no_key=True).defer("attachment").get(pk=self.instance.pk)

    def in_words(self, row: StaffEmail, name: str) -> str:
        if name == "statuses":
            return ", ".join(str(StaffEmail.Status(status).label) for status in row.statuses)
        return super().in_words(row, name)

    def show(self, name: str, value) -> None:
        if name == "statuses":
            self.data.setlist(self.add_prefix(name), value)
        else:
            super().show(name, value)

    def clean_upload(self):
        file = self.cleaned_data["upload"]
        if not file:
            return None
        if file.size > attachments.MAX_BYTES:
            raise ValidationError(_("This file is larger than 5 MB. Choose a smaller one."))
        content = file.read()
        attachments.check_attachment(file.name, content)
        return attachments.clean_name(file.name), content

    def clean(self):
        cleaned_data = super().clean()
        for suffix in ("", "_es"):
            self.check_text(f"subject{suffix}", f"text{suffix}")
        if bool(cleaned_data.get("subject_es")) != bool(cleaned_data.get("text_es")):
            missing = "text_es" if cleaned_data.get("subject_es") else "subject_es"
            if missing not in self.errors:
                self.add_error(missing, _("Enter both the Spanish subject and the Spanish text, or neither."))
        return cleaned_data

    def check_text(self, subject: str, text: str) -> None:
        entered = TemplateText(self.cleaned_data.get(subject, ""), self.cleaned_data.get(text, ""))
        normal = editable_templates.normalize_text(entered)
        self.cleaned_data |= {
            name: value for name, value in ((subject, normal.subject), (text, normal.text)) if name in self.cleaned_data
        }
        errors = editable_templates.find_errors(TO_PARTIES, normal)
        for name, part in (("subject", subject), ("text", text)):
            if self.cleaned_data.get(part):
                for error in errors[name]:
                    self.add_error(part, error)

    def save(self, commit=True):
        email = self.instance
        if self.cleaned_data.get("no_attachment"):
            email.attachment, email.attachment_name = b"", ""
        if self.cleaned_data.get("upload"):
            email.attachment_name, email.attachment = self.cleaned_data["upload"]
        email.changed_at = timezone.now()
        return super().save(commit)
