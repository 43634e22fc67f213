"""Receivers of signals from mail: emails to resend, languages of addresses."""

from django.dispatch import receiver

from imagine.mail.models import Message
from imagine.mail.signals import language_asked, language_chosen, resend_requested
from partners.organizations import languages
from partners.pledges import resend as pledge_resend


@receiver(resend_requested)
def on_resend_requested(message: Message, **kwargs) -> bool | None:
    if message.object_id and message.kind in pledge_resend.KINDS:
        return pledge_resend.resend_pledge_email(message)
    return None


@receiver(language_asked)
def on_language_asked(email: str, **kwargs) -> str:
    return languages.language_of_address(email)


@receiver(language_chosen)
def on_language_chosen(email: str, language: str, **kwargs) -> None:
    languages.set_language_of_address(email, language)
