class RuleViolation(Exception):
    """A rule doesn't allow something. The text, if any, is a sentence for the person who tried, in their language."""
