"""kernel: what the kernel is asked, and what it says."""
