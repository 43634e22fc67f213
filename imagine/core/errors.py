class RuleViolation(Exception):
    """A rule doesn't allow something. Its text, if any, tells the person who tried, in their language."""
