"""Relations that cross apps: rows that say by a generic foreign key, `about`, which object of any model they belong
to, and the foreign keys that refer to a model."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Self

from django.contrib.contenttypes.models import ContentType
from django.db.models import ManyToOneRel, Model, Q, QuerySet


class AboutQuerySet(QuerySet):
    def about(self, obj: Model) -> Self:
        return self.about_any([obj])

    def about_any(self, objects: Iterable[Model]) -> Self:
        keys = defaultdict(list)
        for obj in objects:
            keys[type(obj)].append(obj.pk)
        condition = Q(pk__in=[])
        for model, pks in keys.items():
            condition |= about_rows(model, pks)
        return self.filter(condition)


def about_rows(model: type[Model], pks) -> Q:
    """Match rows about objects of one model: by their primary keys, a subquery, or an OuterRef."""
    lookup = "object_id" if hasattr(pks, "resolve_expression") and not isinstance(pks, QuerySet) else "object_id__in"
    return Q(content_type=ContentType.objects.get_for_model(model), **{lookup: pks})


def foreign_keys_to(row: Model, *, exclude: tuple[type[Model], ...] = ()) -> Iterator[tuple[type[Model], str]]:
    """Yield model and name of each foreign key, in any app, to this row's model."""
    for relation in row._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.related_model not in exclude:
            yield relation.related_model, relation.field.name
