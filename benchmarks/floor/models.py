from django.db import models


class Event(models.Model):
    title = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    starts_at = models.DateTimeField()
    venue = models.CharField(max_length=120)
    capacity = models.PositiveIntegerField()

    def __str__(self):
        return self.title


class Reply(models.Model):
    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    email = models.EmailField()
    size = models.PositiveSmallIntegerField()

    def __str__(self):
        return str(self.pk)
