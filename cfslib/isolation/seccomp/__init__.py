"""Seccomp: which calls of a process the kernel answers, and which a filter does."""
