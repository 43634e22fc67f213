"""Questions that core asks the apps above it."""

from django.dispatch import Signal

# Staff are about to delete rows in the admin. Arguments: `rows`. Receivers return a list of sentences, one for each
# reason why some of them must stay; then nothing is deleted.
deletion_requested = Signal()
