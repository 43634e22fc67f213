"""What the mail app asks of partners when it sends their emails."""

from django.dispatch import receiver

from imagine.mail import attachments
from imagine.mail.models import Message
from imagine.mail.signals import language_asked, language_chosen, resend_requested
from partners.emails import pledge as pledge_emails
from partners.organizations import languages
from partners.pledges import resend as pledge_resend

attachments.register_builder(pledge_emails.CERTIFICATE, pledge_emails.build_certificate)


@receiver(language_asked)
def tell_language(email: str, **kwargs) -> str:
    return languages.language_of_address(email)


@receiver(language_chosen)
def set_language(email: str, language: str, **kwargs) -> None:
    languages.set_language_of_address(email, language)


@receiver(resend_requested)
def resend_email(message: Message, **kwargs) -> bool | None:
    if message.object_id and message.kind in pledge_resend.KINDS:
        return pledge_resend.resend_pledge_email(message)
    return None
