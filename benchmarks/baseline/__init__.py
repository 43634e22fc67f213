"""Bare Django, for comparison: what `startproject` makes, one form, one page, one task."""
