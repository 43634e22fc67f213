"""The pages for signing in and for a person's own account, under the admin's path."""

from django.urls import path

from imagine.accounts.views import account, sign_in, single_sign_on

urlpatterns = [
    path("login/", sign_in.sign_in_page, name="sign_in"),
    path("login/second-step/", sign_in.second_factor_page, name="second_factor"),
    path("login/set-up/", sign_in.set_up_page, name="set_up_second_factor"),
    path("login/cancel/", sign_in.cancel_sign_in, name="cancel_sign_in"),
    path("login/district/", single_sign_on.single_sign_on_page, name="sso"),
    path("login/district/back/", single_sign_on.single_sign_on_callback, name="sso_callback"),
    path("password/forgot/", sign_in.forgot_password, name="forgot_password"),
    path("password/<uidb64>/<token>/", sign_in.SetPasswordPage.as_view(), name="set_password"),
    path("account/", account.account, name="account"),
    path("account/session/", account.session_status, name="session_status"),
    path("account/confirm/", account.confirm_factor, name="confirm_factor"),
    path("account/authenticator-app/", account.add_totp, name="add_totp"),
    path("account/passkey/", account.add_passkey_page, name="add_passkey"),
    path("account/recovery-codes/", sign_in.recovery_codes, name="recovery_codes"),
    path("account/recovery-codes/new/", account.replace_recovery_codes, name="replace_recovery_codes"),
    path("account/remove/", account.remove_factor, name="remove_factor"),
    path("account/sessions/end/", account.end_session, name="end_session"),
]
