"""The admin's start page: what to do, what went out this week, and where everything is."""

from django import template

from imagine.office import jobs, to_do, week

register = template.Library()


@register.inclusion_tag("admin/office/_to_do.html")
def show_to_do_list(user) -> dict:
    return {"shown": to_do.has_work(user), "to_dos": to_do.to_do_list(user)}


@register.inclusion_tag("admin/office/_week.html")
def show_week(user) -> dict:
    if not user.has_perm("mail.view_mailing"):
        return {}
    return {"shown": True, "week": week.sent_this_week(user), "sees_messages": user.has_perm("mail.view_message")}


@register.inclusion_tag("admin/office/_jobs.html")
def show_jobs(user, app_list) -> dict:
    return {"groups": jobs.job_groups(user, app_list)}
