"""Words that staff taught the imports, to see and remove."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.actions import ActionsAdmin
from partners.imports import columns as imports_columns
from partners.models import LearnedWord


@admin.register(LearnedWord)
class LearnedWordAdmin(ActionsAdmin):
    """Words are taught on the page of a file, where they are needed."""

    list_display = ("word", "kind", "meaning", "created_at")
    list_filter = ("kind",)
    list_select_related = ("promise_type", "school")
    search_fields = ("word",)
    fields = ("word", "kind", "meaning", "created_at")

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description=_("what it means"))
    def meaning(self, word: LearnedWord) -> str:
        if target := word.promise_type or word.school:
            return str(target)
        return imports_columns.labels().get(word.field, word.field.replace("_", " ")) or str(_("Skip this column"))
