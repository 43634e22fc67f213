"""Real processes that are really killed. Nothing that was saved may be lost."""
