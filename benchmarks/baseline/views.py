"""The baselines of the web rows. They check only what the form checks, and send no email."""

from django.db import transaction
from django.db.models import Sum
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from benchmarks.baseline.models import Event, Reply

ReplyForm = modelform_factory(Reply, exclude=["event"])


def event(request: HttpRequest, slug: str) -> HttpResponse:
    """A page with a form, which takes one read; a POST locks the event's row, inserts one and redirects."""
    if request.method == "POST":
        form = ReplyForm(request.POST)
        if form.is_valid():
            with transaction.atomic():
                form.instance.event = Event.objects.select_for_update().get(slug=slug)
                return redirect("reply", form.save().pk)
    return show(request, slug)


def room(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for a room that may be full: under the lock the seats are summed, and who does not fit is not kept."""
    if request.method == "POST":
        form = ReplyForm(request.POST)
        if form.is_valid():
            with transaction.atomic():
                event = form.instance.event = Event.objects.select_for_update().get(slug=slug)
                taken = event.reply_set.aggregate(taken=Sum("size"))["taken"] or 0
                if taken + form.cleaned_data["size"] <= event.capacity:
                    return redirect("reply", form.save().pk)
            return redirect("reply", 0)
    return show(request, slug)


def show(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "baseline/event.html", {"event": get_object_or_404(Event, slug=slug)})


def reply(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "baseline/reply.html", {"reply": Reply.objects.filter(pk=pk).first()})
