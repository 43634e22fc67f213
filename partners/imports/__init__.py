"""Every rule about importing last year's spreadsheet of partners and promises (docs/rules.md).

A file is read and checked whole before anything is written; staff look at what was found and say which organizations
are which; then it is written, some organizations at a time, each with all its promises or not at all. What was written
can be undone. Whatever takes long is work for Celery, in steps of a transaction each: who dies in between has done some
steps, and the next worker goes on.
"""
