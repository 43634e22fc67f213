#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from imagine.demo.environment import running_environment

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")
    if not os.environ.get("DATABASE_URL"):
        os.environ |= running_environment()
    execute_from_command_line(sys.argv)
