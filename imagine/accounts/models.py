"""Sessions of staff, their passkeys, and their identities at the district's single sign-on."""

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class StaffSession(AbstractBaseSession):
    """One browser's session. `expire_date` is when it ends if nothing more happens: imagine.accounts.sessions."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    signed_in_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    network = models.CharField(max_length=43, blank=True)  # the address without its last part
    browser = models.CharField(max_length=60, blank=True)
    is_shared_computer = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("session")

    def __str__(self):
        return f"{self.user_id}: {self.browser}"

    @classmethod
    def get_session_store_class(cls):
        return import_module(settings.SESSION_ENGINE).SessionStore

    @property
    def public_id(self) -> str:
        """What a page may show: the key itself would open the session."""
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
    """Whom the district's single sign-on means by a subject."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sso_identity")
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="sso_identity_once")]

    def __str__(self):
        return self.subject
