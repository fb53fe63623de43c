"""children: a fresh process to try things in."""
