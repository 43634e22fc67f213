"""Delete rows in the admin: first a page that names them, what goes with them, and who gets email because of it."""

from collections.abc import Sequence

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import model_ngettext
from django.contrib.contenttypes.fields import GenericForeignKey
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core.admin import questions
from imagine.core.admin.questions import Effect, Question
from imagine.core.deletion import reasons_to_keep
from imagine.core.models import SecurityEventKind
from imagine.core.rehearsal import rehearse
from imagine.core.security_events import record_event

DELETE = "delete_selected"  # Django's name for the action


class DeletionAdmin(admin.ModelAdmin):
    """An admin whose delete pages don't list what only follows a row, such as its history and its emails: there can be
    hundreds, and no one may delete them on their own. It records each deletion, unless a rule does."""

    def row_label(self, row: Model) -> str:
        """Return how a page that asks before it acts names a row."""
        return str(row)

    def row_fingerprint(self, row: Model) -> str:
        """Return a text that changes when something does that staff saw of a row before they acted."""
        return questions.default_mark(row)

    def deletion_effects(self, rows: Sequence[Model], emails: Sequence[Model]) -> list[Effect]:
        """Return what deleting these rows, which sends these emails, does to others."""
        return []

    def get_actions(self, request):
        actions = super().get_actions(request)
        if DELETE in actions:
            _function, name, description = actions[DELETE]
            actions[DELETE] = (delete_or_ask, name, description)
        return actions

    def render_delete_form(self, request, context):
        """Ask about one row, on its own delete page."""
        row = context["object"]
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        return ask_to_delete(self, request, self.get_queryset(request).filter(pk=row.pk), back=page)

    def delete_model(self, request, obj):
        record_event(SecurityEventKind.RECORD_DELETED, obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request, queryset):
        for row in queryset:
            record_event(SecurityEventKind.RECORD_DELETED, row)
        super().delete_queryset(request, queryset)

    def get_deleted_objects(self, objs, request):
        objs = list(objs)
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        protected = [*protected, *reasons_to_keep(objs)]
        models = [model for model in apps.get_models(include_auto_created=True) if follows_others(model)]
        listed = without_models(listed, tuple(f"{capfirst(model._meta.verbose_name)}: " for model in models))
        counts = {name: number for name, number in counts.items() if name not in plural_names(models)}
        return listed, counts, missing - {model._meta.verbose_name for model in models}, protected


# Ask -------------------------------------------------------------------------------------------------------------


def delete_or_ask(page: DeletionAdmin, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
    """The action for selected rows."""
    shown = questions.shown_rows(request)
    if shown is None:
        return ask_to_delete(page, request, rows)
    same, changed = questions.compare_to_shown(rows, shown, page.row_fingerprint)
    if changed:
        page.message_user(request, questions.changed_message(list(map(str, changed))), messages.WARNING)
    if not same:
        return None
    rows = rows.filter(pk__in=same)
    _listed, _counts, missing, protected = page.get_deleted_objects(rows, request)
    if protected:
        return ask_to_delete(page, request, rows)
    if missing:
        raise PermissionDenied
    page.log_deletions(request, rows)
    page.delete_queryset(request, rows)
    message = ngettext("%(number)s %(items)s deleted.", "%(number)s %(items)s deleted.", len(same))
    items = model_ngettext(page.opts, len(same))
    page.message_user(request, message % {"number": f"{len(same):,}", "items": items}, messages.SUCCESS)
    return None


def ask_to_delete(page: DeletionAdmin, request: HttpRequest, queryset: QuerySet, back: str = "") -> HttpResponse:
    rows = list(queryset)
    question = deletion_question(page, request, rows)
    if question.button:
        with rehearse() as emails:
            page.delete_queryset(request, queryset.all())
        question = question._replace(emails=emails, effects=[*question.effects, *page.deletion_effects(rows, emails)])
    return questions.question_page(page, request, question, back=back)


def deletion_question(page: DeletionAdmin, request: HttpRequest, rows: Sequence[Model]) -> Question:
    _listed, counts, missing, protected = page.get_deleted_objects(rows, request)
    what = {"number": f"{len(rows):,}", "items": model_ngettext(page.opts, len(rows))}
    if refusals := [*map(strip_tags, protected), *missing_permissions(missing)]:
        return Question(_("Can’t delete %(number)s %(items)s") % what, "", rows, refusals=refusals)
    button = _("Delete %(number)s %(items)s") % what
    also = [f"{number:,} {name}" for name, number in counts.items() if name != page.opts.verbose_name_plural]
    effects = [Effect(_("This also deletes: %(what)s.") % {"what": ", ".join(also)})] if also else []
    return Question(
        questions.ask_text(button),
        button,
        rows,
        undo=_("You can’t undo this."),
        effects=effects,
        is_dangerous=True,
    )


def missing_permissions(names: set[str]) -> list[str]:
    return [_("Your role can’t delete this kind of record: %(name)s.") % {"name": name} for name in sorted(names)]


# What follows a row ----------------------------------------------------------------------------------------------


def follows_others(model) -> bool:
    """Return whether rows of a model are about others, or only relate two others."""
    is_about = any(isinstance(field, GenericForeignKey) for field in model._meta.private_fields)
    return is_about or bool(model._meta.auto_created)


def plural_names(models) -> set:
    return {model._meta.verbose_name_plural for model in models}


def without_models(listed: list, prefixes: tuple[str, ...]) -> list:
    """Return a nested list of rows, as Django's admin makes it, without those that start with a prefix and without what
    is nested below them."""
    kept, follows = [], False
    for entry in listed:
        if not isinstance(entry, list):
            follows = str(entry).startswith(prefixes)
            if not follows:
                kept.append(entry)
        elif not follows and (rest := without_models(entry, prefixes)):
            kept.append(rest)
    return kept
