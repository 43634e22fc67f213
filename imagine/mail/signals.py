"""What apps whose emails are stored here can answer."""

from django.dispatch import Signal

# Staff want an email resent: `message`. Who knows its kind answers with whether something will be sent, as
# queue.requeue does, or raises queue.CannotResend. All others answer with None.
resend_requested = Signal()
