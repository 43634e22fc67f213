"""How dates and times look in the admin's lists and forms: jue, 1 de abr de 2027, 8:00 a.m."""

DATE_FORMAT = r"D, j \d\e b \d\e Y"
TIME_FORMAT = "g:i a"
DATETIME_FORMAT = r"D, j \d\e b \d\e Y, g:i a"
