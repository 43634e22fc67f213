"""Everything about a person, erasing them, and holds. The URLs of these pages name a row, never an email address."""

from typing import NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from imagine.accounts.models import StaffSession
from imagine.core.admin.date_fields import DATE_FIELDS
from imagine.core.admin.read_only import ReadOnlyMixin
from imagine.core.errors import RuleViolation
from imagine.core.forms import AddressField, NameField
from imagine.core.models import SecurityEvent, SecurityEventKind
from imagine.core.security_events import record_event
from imagine.privacy import erasing
from imagine.privacy.models import Erasure, Hold
from imagine.privacy.people import ADDRESS_OF, TABLES, Found, Person, everything_about, person_of, row_of
from summit.models import Rsvp

MAX_FOUND = 50  # people without an address on one page


class FindPersonForm(forms.Form):
    email = AddressField(label=_("Email"), max_length=254)


class FindByNameForm(forms.Form):
    """Someone who phoned may have no address to be found by."""

    name = NameField(label=_("Name"), max_length=100)

    def rsvps(self) -> QuerySet[Rsvp]:
        found = Rsvp.objects.personal().filter(email="").search(self.cleaned_data["name"])
        return found.select_related("event").order_by("-created_at", "-pk")[:MAX_FOUND]


class PersonPage(NamedTuple):
    """The person a page is about, and the row in its URL. Someone who is only mentioned has no row; their pages are
    responses to the search form."""

    person: Person
    row: Model | None = None

    @property
    def context(self) -> dict:
        names = {"label": self.row._meta.label_lower, "pk": self.row.pk} if self.row else {"label": "", "pk": ""}
        return {"person": self.person, **names}


def person_page_or_404(label: str, pk: str) -> PersonPage:
    row = row_or_none(label, pk)
    person = person_of(row) if row else None
    if person is None:
        raise Http404
    return PersonPage(person, row)


def row_or_none(label: str, pk: str) -> Model | None:
    model = {model._meta.label_lower: model for model in ADDRESS_OF}.get(label)
    try:
        return model._default_manager.filter(pk=pk).first() if model else None
    except (ValueError, ValidationError, OverflowError):
        return None


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """The read-only list of erasures, which leads to the search for a person."""

    list_display = ("erased_at", "erased_by", "tables")
    list_display_links = None

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": _("Erasures")} | (extra_context or {}))

    @admin.display(description=_("records"))
    def tables(self, erasure: Erasure) -> str:
        return ", ".join(f"{capfirst(TABLES[label].title)}: {number}" for label, number in erasure.counts.items())

    def get_urls(self):
        return [
            path("find/", self.admin_site.admin_view(self.find), name="privacy_find"),
            path("person/<str:label>/<str:pk>/", self.admin_site.admin_view(self.person), name="privacy_person"),
            path(
                "person/<str:label>/<str:pk>/json/",
                self.admin_site.admin_view(self.person_json),
                name="privacy_person_json",
            ),
            path("person/<str:label>/<str:pk>/erase/", self.admin_site.admin_view(self.erase), name="privacy_erase"),
            *super().get_urls(),
        ]

    def require(self, request: HttpRequest, *permissions: str) -> dict:
        """Return the context of every admin page. Raise PermissionDenied."""
        if not all(request.user.has_perm(f"privacy.{permission}") for permission in permissions):
            raise PermissionDenied
        return self.admin_site.each_context(request)

    def find(self, request: HttpRequest) -> HttpResponse:
        return find_person(request, self.require(request, "see_person"))

    def person(self, request: HttpRequest, label: str, pk: str) -> HttpResponse:
        context = self.require(request, "see_person")
        return show_person(request, person_page_or_404(label, pk), context)

    def person_json(self, request: HttpRequest, label: str, pk: str) -> HttpResponse:
        self.require(request, "see_person")
        return download_person(request, person_page_or_404(label, pk))

    def erase(self, request: HttpRequest, label: str, pk: str) -> HttpResponse:
        context = self.require(request, "see_person", "erase_person")
        return plan_or_erase(request, person_page_or_404(label, pk), context)


@require_http_methods(["GET", "HEAD", "POST"])
def find_person(request: HttpRequest, context: dict) -> HttpResponse:
    by_name = FindByNameForm(request.POST if "name" in request.POST else None)
    form = FindPersonForm(request.POST if request.POST and not by_name.is_bound else None)
    context |= {"by_name": by_name, "found": by_name.rsvps() if by_name.is_valid() else None}
    if form.is_valid():
        person = Person(form.cleaned_data["email"].lower())
        if row := row_of(person):
            page = "admin:privacy_erase" if request.POST.get("step") == "plan" else "admin:privacy_person"
            return redirect(page, row._meta.label_lower, row.pk)
        if everything_about(person):
            return show_mentioned_person(request, PersonPage(person), context)
        form.add_error("email", _("We don’t have anything about this address. Check the spelling."))
    return render(request, "admin/privacy/find.html", context | {"title": _("Find a person"), "form": form})


def show_mentioned_person(request: HttpRequest, page: PersonPage, context: dict) -> HttpResponse:
    step = request.POST.get("step", "")
    if step == "json":
        return download_person(request, page)
    if step in {"plan", "erase"} and not request.user.has_perm("privacy.erase_person"):
        raise PermissionDenied
    if step == "plan":
        return show_plan(request, page, context)
    return erase_person(request, page) if step == "erase" else show_person(request, page, context)


def show_person(request: HttpRequest, page: PersonPage, context: dict) -> HttpResponse:
    context |= page.context | {
        "title": _("Everything about this person"),
        "found": everything_about(page.person),
        "can_erase": request.user.has_perm("privacy.erase_person"),
    }
    return render(request, "admin/privacy/person.html", context)


def download_person(request: HttpRequest, page: PersonPage) -> HttpResponse:
    if request.method == "HEAD":  # which exports nothing
        return HttpResponse()
    found = everything_about(page.person)
    tables = {each.model._meta.label: list(each.shown()) for each in found}
    event = record_export(page, found)
    content = {"email": page.person.email, "names": page.person.names, "made_at": timezone.now(), "tables": tables}
    response = JsonResponse(content, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response.headers["Content-Disposition"] = (
        f'attachment; filename="person-{timezone.localdate()}-record-{event.pk}.json"'
    )
    return response


def record_export(page: PersonPage, found: list[Found]) -> SecurityEvent:
    """Record who was exported by naming a row about them or, if there is none, one that mentions them."""
    mentioning = (each.rows[0] for each in found if each.model is not StaffSession)  # whose key is a secret
    return record_event(
        SecurityEventKind.EXPORTED,
        page.row or next(mentioning, None),
        file="person.json",
        rows=sum(len(each.rows) for each in found),
        columns=[f"{each.model._meta.label}.{column.name}" for each in found for column in each.columns],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def plan_or_erase(request: HttpRequest, page: PersonPage, context: dict) -> HttpResponse:
    return erase_person(request, page) if request.method == "POST" else show_plan(request, page, context)


def show_plan(request: HttpRequest, page: PersonPage, context: dict) -> HttpResponse:
    context |= page.context | {"title": _("Erase this person?"), "found": everything_about(page.person)}
    return render(request, "admin/privacy/erase.html", context)


def erase_person(request: HttpRequest, page: PersonPage) -> HttpResponse:
    try:
        erasure = erasing.erase(page.person, by=request.user.get_username())
    except RuleViolation as refused:
        messages.error(request, str(refused))
        return redirect("admin:privacy_erasure_changelist")
    number = sum(erasure.counts.values())
    done = ngettext(
        "Person erased. They were in %(number)d record.", "Person erased. They were in %(number)d records.", number
    )
    messages.success(request, done % {"number": number})
    return redirect("admin:privacy_erasure_changelist")


class HoldForm(forms.ModelForm):
    email = AddressField(
        label=_("Email"), max_length=254, help_text=_("Until the hold ends, nothing about this address is deleted.")
    )

    class Meta:
        model = Hold
        fields = ["email", "reason", "ends_on"]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


@admin.register(Hold)
class HoldAdmin(admin.ModelAdmin):
    """Staff end a hold by setting its last day to yesterday, so that a record of it stays."""

    form = HoldForm
    formfield_overrides = DATE_FIELDS
    list_display = ("email", "reason", "ends_on", "is_active", "created_by")
    search_fields = ("email", "reason")
    ordering = ("-ends_on", "-pk")

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": _("Holds")} | (extra_context or {}))

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, hold: Hold) -> bool:
        return hold.ends_on >= timezone.localdate()

    def has_delete_permission(self, request, obj=None):
        return False

    def save_model(self, request, obj, form, change):
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)
        record_event(SecurityEventKind.SETTING_CHANGED, obj, fields=form.changed_data if change else ["added"])
