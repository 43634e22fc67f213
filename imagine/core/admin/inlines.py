from django.contrib import admin
from django.forms.models import _get_foreign_key

MAX_NEW_ROWS = 20


class BoundedInline(admin.StackedInline):
    """An inline that refuses more than MAX_NEW_ROWS rows beyond those that exist, however many the request claims to
    send. With Django's own limit of 2,000, the page takes most of a minute."""

    def get_formset(self, request, obj=None, **kwargs):
        existing = 0
        if obj:
            foreign_key = _get_foreign_key(self.parent_model, self.model, self.fk_name)
            existing = self.model._default_manager.filter(**{foreign_key.name: obj}).count()
        most = existing + MAX_NEW_ROWS
        max_num = most if self.max_num is None else self.max_num  # 0 for someone who may not add
        return super().get_formset(request, obj, max_num=max_num, absolute_max=most, **kwargs)
