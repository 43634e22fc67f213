"""What the software can carry: the product beside bare Django, in one run on one machine (`make bench`)."""
