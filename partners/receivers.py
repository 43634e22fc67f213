"""What the mail app asks of partners when it sends their emails."""

from imagine.mail import attachments
from partners.emails import pledge as pledge_emails

attachments.register(pledge_emails.CERTIFICATE, pledge_emails.certificate)
