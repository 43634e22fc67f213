from django.db import models

SECTORS = [("business", "Business and industry"), ("college", "Post-secondary"), ("labor", "Labor")]
SIZES = [(number, str(number)) for number in range(1, 7)]
FEWER = [("wait", "Wait for all"), ("fewer", "Take what there is")]


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
    organization = models.CharField(max_length=120, blank=True)
    sector = models.CharField(max_length=20, blank=True, choices=SECTORS)
    size = models.PositiveSmallIntegerField(choices=SIZES)
    accepts_partial = models.CharField(max_length=5, blank=True, choices=FEWER)
    guest_2 = models.CharField(max_length=100, blank=True)
    guest_3 = models.CharField(max_length=100, blank=True)
    guest_4 = models.CharField(max_length=100, blank=True)
    guest_5 = models.CharField(max_length=100, blank=True)
    guest_6 = models.CharField(max_length=100, blank=True)
    dietary_needs = models.CharField(max_length=200, blank=True)
    accessibility_needs = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=30, blank=True)
    note = models.TextField(max_length=1000, blank=True)

    def __str__(self):
        return str(self.pk)
