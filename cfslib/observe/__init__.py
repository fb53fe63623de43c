"""observe: look at what runs, from outside."""
