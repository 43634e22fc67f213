"""Real processes, really killed. Nothing that was promised may be lost."""
