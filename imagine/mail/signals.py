"""What apps whose emails are stored here can answer."""

from django.dispatch import Signal

# Staff want an email resent: `message`. Who knows its kind answers with whether something will be sent, as
# queue.requeue does, or raises queue.CannotResend. All others answer with None.
resend_requested = Signal()

# In which language do we write to the address `email`? Who knows someone there answers with the language; of several
# answers the first that isn't empty counts, in the order of INSTALLED_APPS.
language_asked = Signal()

# The holder of the address `email` chose a `language`. Receivers write it to what they know, each under its own lock.
language_chosen = Signal()
