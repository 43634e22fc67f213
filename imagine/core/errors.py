class RuleViolation(Exception):
    """A rule says no. The text is a sentence for the person who asked, in their language."""
