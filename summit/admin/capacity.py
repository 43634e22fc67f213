"""Add or remove seats: a form on the event's overview, with a page of its own for its errors."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from imagine.core.admin.concurrent_edit import conflict_messages
from summit import event_changes, seats
from summit.admin.event_form import EventAdminForm
from summit.models import Event


class CapacityForm(EventAdminForm):
    class Meta(EventAdminForm.Meta):
        fields = ("capacity", "reserved_seats")

    def check_numbers(self, cleaned_data: dict) -> None:
        super().check_numbers(cleaned_data)
        capacity = cleaned_data.get("capacity")
        if capacity is not None and capacity < self.instance.max_party_size and "capacity" in self.changed_data:
            message = _("Parties can have up to %(seats)s guests. Enter that many or more, or change it in Settings.")
            self.add_error("capacity", message % {"seats": self.instance.max_party_size})


@transaction.atomic
def change_capacity(page: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    event = get_object_or_404(Event, pk=pk)
    if not page.has_change_permission(request, event):
        raise PermissionDenied
    form = CapacityForm(request.POST if request.method == "POST" else None, instance=event)
    if form.is_bound and form.is_valid():
        if form.changed_data:
            save_with_messages(page, request, event)
            page.log_change(request, event, page.construct_change_message(request, form, None))
        else:
            page.message_user(request, _("No changes to save."))
        return redirect("admin:summit_event_change", event.pk)
    context = {
        **page.admin_site.each_context(request),
        "title": _("Change capacity"),
        "opts": page.opts,
        "event": Event.objects.get(pk=pk),  # without what was typed
        "form": form,
        "notes": conflict_messages([form]),
    }
    return render(request, "admin/summit/event/capacity.html", context)


def save_with_messages(page: admin.ModelAdmin, request: HttpRequest, event: Event) -> None:
    """Save an event whose form was valid, and say what happened to its seats. The form has locked the row."""
    before = Event.objects.get(pk=event.pk)
    promoted = event_changes.save_and_promote(event)
    if (before.capacity, before.reserved_seats) == (event.capacity, event.reserved_seats):
        if promoted:
            page.message_user(request, promotion_sentence(promoted), messages.SUCCESS)
        return
    sentences = [*change_sentences(before, event)]
    if promoted:
        sentences.append(promotion_sentence(promoted))
    else:
        waiting = event.rsvps.waitlist().exists()
        sentences.append(_("No one moved off the waitlist.") if waiting else _("No one is on the waitlist."))
    page.message_user(request, " ".join(map(str, sentences)), messages.SUCCESS)
    over = -seats.available_seats(event)
    if over > 0:
        message = ngettext(
            "You’re %(n)s seat over capacity. No one loses a seat, but the waitlist is on hold.",
            "You’re %(n)s seats over capacity. No one loses a seat, but the waitlist is on hold.",
            over,
        )
        page.message_user(request, message % {"n": over}, messages.WARNING)


def change_sentences(before: Event, event: Event) -> list[str]:
    sentences = []
    if before.capacity != event.capacity:
        rose = event.capacity > before.capacity
        change = (
            _("Capacity raised from %(old)s to %(new)s.") if rose else _("Capacity lowered from %(old)s to %(new)s.")
        )
        sentences.append(change % {"old": before.capacity, "new": event.capacity})
    if before.reserved_seats != event.reserved_seats:
        change = _("Reserved seats changed from %(old)s to %(new)s.")
        sentences.append(change % {"old": before.reserved_seats, "new": event.reserved_seats})
    return sentences


def promotion_sentence(promoted: list[int]) -> str:
    """Return how many parties moved off the waitlist; `promoted` is the number of seats each one got."""
    sentence = ngettext(
        "%(parties)s party moved off the waitlist (seats: %(seats)s). An email is on its way.",
        "%(parties)s parties moved off the waitlist (seats: %(seats)s). Emails are on their way.",
        len(promoted),
    )
    return sentence % {"parties": len(promoted), "seats": sum(promoted)}
