from django.contrib import admin


class GuardedAdmin(admin.ModelAdmin):
    """Keep anyone from finding out `secrets`, such as personal links, letter by letter with filters in the URL."""

    secrets = ("token",)

    def lookup_allowed(self, lookup, value, request=None):
        asks = any(part.startswith(self.secrets) for part in lookup.split("__"))
        return not asks and super().lookup_allowed(lookup, value, request)
