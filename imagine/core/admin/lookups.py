"""What a filter in the address of an admin list may not ask for."""

from django.contrib import admin


class GuardedAdmin(admin.ModelAdmin):
    """A list whose `secrets`, such as private links, nobody finds out letter by letter by a filter in the address."""

    secrets = ("token",)

    def lookup_allowed(self, lookup, value, request=None):
        asks = any(part.startswith(self.secrets) for part in lookup.split("__"))
        return not asks and super().lookup_allowed(lookup, value, request)
