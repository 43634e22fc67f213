"""Import a spreadsheet of partners and promises (docs/rules.md).

A file is read and checked as a whole before anything is written. Staff review what was found and say which
organizations are which. Then the organizations are written a few at a time, each with all its promises or not at all.
An import can be undone. Long work is done by Celery in steps of one transaction each: if a worker dies, the next one
continues.
"""
