"""How forms are laid out. A form's `helper` names its fields in order; templates render it with `{% crispy form %}`.

Layout objects keep nothing between two renderings, so a helper can be an attribute of a form's class.
"""

from crispy_forms import layout
from crispy_forms.helper import FormHelper
from django.template.loader import render_to_string


def form_helper(*fields) -> FormHelper:
    """Return a helper that renders only the fields. The template has the form tag, the token and the error summary."""
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    helper.form_show_errors = False
    helper.include_media = False
    helper.layout = layout.Layout(*fields)
    return helper


class Field(layout.Field):
    """A field whose label is followed by `label_note`. Without one, "(optional)" follows the label of an optional
    field; an empty one leaves that out."""

    def __init__(self, *fields, label_note=None, hide_label=False, **kwargs):
        super().__init__(*fields, **kwargs)
        self.extra_context = {"label_note": label_note, "hide_label": hide_label}

    def render(self, form, context, template_pack="bootstrap5", **kwargs):
        return super().render(form, context, template_pack, extra_context=dict(self.extra_context), **kwargs)


class Checkbox(Field):
    template = "fields/checkbox.html"


class Radios(Field):
    template = "fields/radios.html"


class Chips(Field):
    """Choices as buttons beside each other, in columns of equal width if `grid` is set."""

    template = "fields/chips.html"

    def __init__(self, *fields, grid=False, **kwargs):
        super().__init__(*fields, **kwargs)
        self.extra_context["grid"] = grid


class Collapsible(layout.LayoutObject):
    """Less common questions, collapsed behind one line. They start open if one has a value or an error."""

    template = "fields/collapsible.html"

    def __init__(self, summary, *fields, hint="", css_class="", is_open=False, template=None):
        self.summary, self.fields, self.hint, self.css_class = summary, list(fields), hint, css_class
        self.is_open, self.template = is_open, template or self.template

    def render(self, form, context, template_pack="bootstrap5", **kwargs):
        bound_fields = [form[pointer.name] for pointer in self.get_field_names()]
        collapsible = {
            "summary": self.summary,
            "hint": self.hint,
            "css_class": self.css_class,
            "fields": self.get_rendered_fields(form, context, template_pack, **kwargs),
            "is_open": self.is_open or self.has_to_show(form, bound_fields),
            "form": form,
        }
        return render_to_string(self.template, context.flatten() | collapsible)

    def has_to_show(self, form, bound_fields) -> bool:
        return any(field.errors or field.value() for field in bound_fields)


class Include(layout.LayoutObject):
    """A template that gets the page's context, these `values`, the `form`, and these fields rendered as `fields`. The
    templates of the fields get the values, too."""

    def __init__(self, template, *fields, **values):
        self.template, self.fields, self.values = template, list(fields), values

    def render(self, form, context, template_pack="bootstrap5", **kwargs):
        with context.push(**self.values):
            fields = self.get_rendered_fields(form, context, template_pack, **kwargs)
            return render_to_string(self.template, context.flatten() | {"form": form, "fields": fields})
