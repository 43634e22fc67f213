"""Questions that core asks the apps above it."""

from django.dispatch import Signal

# Rows are about to be deleted for staff. Arguments: `rows`. Receivers return a list of sentences, one for each
# reason why some of them must stay; then nothing is deleted.
deletion_requested = Signal()
