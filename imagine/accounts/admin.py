"""Staff accounts in the admin. They belong to superusers."""

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin  # noqa: F401 (importing it registers what we remove)
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin  # noqa: F401
from django_otp.plugins.otp_totp.models import TOTPDevice

from imagine.accounts import second_factor, sign_in, staff
from imagine.accounts.forms import EMAIL_TAKEN, AccountForm, ChangeAccountForm, ChangePasswordForm
from imagine.core.deletion import reasons_to_keep

# Their pages would show the secrets of second factors.
admin.site.unregister([TOTPDevice, StaticDevice, User, Group])


class RecentFactorAdmin(admin.ModelAdmin):
    """Admin pages that decide who can sign in and what they may do, which a session left open must not change."""

    @method_decorator(staff.recent_factor_required)
    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        return super().changeform_view(request, object_id, form_url, extra_context)

    @method_decorator(staff.recent_factor_required)
    def delete_view(self, request, object_id, extra_context=None):
        return super().delete_view(request, object_id, extra_context)

    def changelist_view(self, request, extra_context=None):
        if request.method == "POST" and not sign_in.is_recently_confirmed(request):
            return staff.ask_to_confirm(request.get_full_path())
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))


@admin.register(Group)
class RoleAdmin(RecentFactorAdmin, GroupAdmin):
    pass


@admin.register(User)
class AccountAdmin(RecentFactorAdmin, UserAdmin):
    form = ChangeAccountForm
    change_password_form = ChangePasswordForm
    add_form = AccountForm
    add_form_template = None
    change_form_template = "admin/accounts/user.html"
    add_fieldsets = ((None, {"fields": ("name", "email", "role")}),)
    fieldsets = (
        (None, {"fields": ("username", "password", "second_step")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("Role"), {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("second_step", "last_login", "date_joined")
    list_display = ("username", "first_name", "last_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_superuser", "is_active", "groups")
    filter_horizontal = ()

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:  # another account took the address or the name after the form was validated
            self.message_user(request, EMAIL_TAKEN, messages.ERROR)
            return redirect(request.path)

    @method_decorator(staff.recent_factor_required)
    def user_change_password(self, request, id, form_url=""):
        return super().user_change_password(request, id, form_url)

    def get_urls(self):
        reset = path("<int:pk>/reset-second-step/", self.admin_site.admin_view(self.reset), name="auth_user_reset")
        return [reset, *super().get_urls()]

    def get_readonly_fields(self, request, obj=None):
        return super().get_readonly_fields(request, obj) if obj else ()

    @admin.display(description=gettext_lazy("Second step"))
    def second_step(self, user: User) -> str:
        factors = second_factor.factors_of(user)
        if not factors.any:
            return _("Not set up. We’ll ask for it at the next sign-in.")
        kinds = [_("Authenticator app")] if factors.totp else []
        return ", ".join([*kinds, *(str(passkey) for passkey in factors.passkeys)])

    def add_view(self, request, form_url="", extra_context=None):
        """Add one account at a time, because its owner is emailed right away."""
        buttons = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, buttons | (extra_context or {}))

    def save_model(self, request, obj, form, change):
        if change:
            staff.change_account(obj)
        else:
            role, name = form.cleaned_data["role"], form.cleaned_data["name"]
            staff.create_account(obj, name=name, role=role, by=request.user)

    def get_deleted_objects(self, objs, request):
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, missing, [*protected, *reasons_to_keep(list(objs))]

    def response_add(self, request, obj, post_url_continue=None):
        self.message_user(
            request,
            _("Account created. We emailed %(email)s a link to choose a password.") % {"email": obj.email},
            messages.SUCCESS,
        )
        return redirect("admin:auth_user_changelist")

    @method_decorator(staff.recent_factor_required)
    def reset(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for confirmation, then reset an account's second step."""
        if not request.user.is_superuser:
            raise PermissionDenied
        user = get_object_or_404(User, pk=pk)
        page = reverse("admin:auth_user_change", args=(pk,))
        if request.method == "POST":
            if second_factor.reset(user, by=request.user):
                self.log_change(request, user, _("Second step reset."))
                self.message_user(
                    request, _("Second step reset. We emailed %(name)s about it.") % {"name": user}, messages.SUCCESS
                )
            else:
                self.message_user(
                    request, _("There was no second step to reset for %(name)s.") % {"name": user}, messages.WARNING
                )
            return redirect(page)
        context = {**self.admin_site.each_context(request), "title": _("Reset second step?"), "account": user}
        return render(request, "admin/accounts/reset.html", context)
