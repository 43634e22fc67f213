"""How dates and times look in the admin's lists and forms: Thu, Apr 1, 2027, 8:00 a.m."""

DATE_FORMAT = "D, M j, Y"
TIME_FORMAT = "g:i a"
DATETIME_FORMAT = "D, M j, Y, g:i a"
