"""Questions and news for the apps whose emails are stored here."""

from django.dispatch import Signal

# Staff want an email resent. Arguments: `message`. A receiver that knows its kind returns whether an email will be
# sent, as queue.requeue does, or raises queue.CannotResend. Other receivers return None.
resend_requested = Signal()

# Asks for the language of an address. Arguments: `email`. A receiver that knows the address returns the language,
# others return an empty string. The first language wins, in the order of INSTALLED_APPS.
language_asked = Signal()

# Someone chose a language. Arguments: `email`, `language`. Receivers save it with their own rows, under their own
# locks.
language_chosen = Signal()
