"""Sessions of staff, their passkeys, and their identities at the district's single sign-on."""

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class StaffSession(AbstractBaseSession):
    """One browser's session. It ends at `expire_date` unless it is used again (imagine.accounts.sessions)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", verbose_name=_("staff account")
    )
    signed_in_at = models.DateTimeField(_("signed in"), null=True)
    last_used_at = models.DateTimeField(_("last active"), null=True)
    network = models.CharField(_("network"), max_length=43, blank=True)  # the address without its last part
    browser = models.CharField(_("browser"), max_length=60, blank=True)
    is_shared_computer = models.BooleanField(_("shared computer"), default=False)

    class Meta:
        verbose_name = _("session")

    def __str__(self):
        return f"{self.user_id}: {self.browser}"

    @classmethod
    def get_session_store_class(cls):
        return import_module(settings.SESSION_ENGINE).SessionStore

    @property
    def public_id(self) -> str:
        """Return an identifier that pages may show, because the key itself would open the session."""
        return salted_hmac("imagine.accounts.StaffSession", self.session_key).hexdigest()[:16]


class Passkey(models.Model):
    """A passkey (WebAuthn credential) of a member of staff. `data` holds its id and public key."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(_("name"), max_length=60)
    credential_id = models.BinaryField(max_length=1023, unique=True)
    data = models.BinaryField()
    sign_count = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)

    def __str__(self):
        return self.name


class SsoIdentity(models.Model):
    """The account that a subject of the district's single sign-on belongs to."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sso_identity")
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="sso_identity_once")]

    def __str__(self):
        return self.subject
