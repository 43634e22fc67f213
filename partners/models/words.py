"""Words that staff taught the imports: headings, and nicknames of promise types and schools."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from partners.models.checklist import PromiseType, School


class LearnedWord(models.Model):
    """What a heading or a word in a spreadsheet means here. The next file with it is read the same way."""

    class Kind(models.TextChoices):
        CONTACTS_HEADING = "contacts", _("Column heading in lists of people")
        PROMISES_HEADING = "promises", _("Column heading in lists of promises")
        PROMISE_TYPE = "type", pgettext_lazy("learned word", "Promise type")
        SCHOOL = "school", pgettext_lazy("learned word", "School")

    kind = models.CharField(_("where it’s used"), max_length=8, choices=Kind)
    word = models.CharField(_("word"), max_length=200, help_text="As it was written.")
    plain_word = models.CharField(max_length=200, help_text="Without case, accents, punctuation and spaces.")
    field = models.CharField(max_length=20, blank=True, help_text="Of a heading. Empty for columns to skip.")
    promise_type = models.ForeignKey(PromiseType, on_delete=models.CASCADE, null=True, related_name="+")
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField(_("learned on"), db_default=Now())

    class Meta:
        verbose_name = _("learned word")
        verbose_name_plural = _("learned words")
        ordering = ["kind", "plain_word"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "plain_word"], name="learnedword_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["contacts", "promises"], promise_type=None, school=None)
                | Q(kind="type", promise_type__isnull=False, school=None)
                | Q(kind="school", school__isnull=False, promise_type=None),
                name="learnedword_means_one_thing",
            ),
        ]

    def __str__(self):
        return self.word
