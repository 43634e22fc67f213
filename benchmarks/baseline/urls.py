from django.contrib import admin
from django.urls import path

from benchmarks.baseline import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("events/<slug:slug>/", views.event, name="event"),
    path("rooms/<slug:slug>/", views.room, name="room"),
    path("replies/<int:pk>/", views.reply, name="reply"),
]
