class Unreadable(Exception):
    """The file can't be read as a table. The text is a sentence for the person who uploaded it."""
