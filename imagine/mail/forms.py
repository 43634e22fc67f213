from crispy_forms.helper import FormHelper
from crispy_forms.layout import Fieldset
from django import forms
from django.conf import settings
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import Checkbox, Chips, form_helper
from imagine.mail.models import EmailPreference
from imagine.mail.preferences import TOPICS


class EmailPreferencesForm(forms.Form):
    """The topics and the language that the holder of an address chooses. `language` is the current one; if it is empty,
    no app knows the address and the form doesn't ask for it."""

    invitations = forms.BooleanField(
        label=_("Invitations"), required=False, help_text=_("To the kickoff and other events for partners.")
    )
    reminders = forms.BooleanField(
        label=_("Reminders"),
        required=False,
        help_text=_("About upcoming events and anything left to finish, and a thank-you after an event."),
    )
    news = forms.BooleanField(
        label=_("News"), required=False, help_text=_("What partners have accomplished, if we have news to share.")
    )
    language = forms.ChoiceField(
        label=_("Email language"),
        choices=settings.LANGUAGES,
        widget=forms.RadioSelect,
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Choose a language.")),
    )

    def __init__(self, preference: EmailPreference, language: str, *args, **kwargs):
        initial = {topic: preference.wants(topic) for topic in TOPICS} | {"language": language}
        super().__init__(*args, initial=initial, auto_id="id_%s", **kwargs)
        if not language:
            del self.fields["language"]

    @property
    def unsubscribes_from_all(self) -> bool:
        return "unsubscribe_all" in self.data

    @cached_property
    def helper(self) -> FormHelper:
        topics = Fieldset(_("Send me"), *map(Checkbox, TOPICS))
        return form_helper(topics, *(Chips(name) for name in self.fields if name == "language"))

    def chosen_topics(self) -> dict[str, bool]:
        return {topic: self.cleaned_data[topic] and not self.unsubscribes_from_all for topic in TOPICS}

    def chosen_language(self) -> str:
        return self.cleaned_data.get("language", "")
