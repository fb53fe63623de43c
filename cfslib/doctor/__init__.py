"""doctor: what this machine allows, and the line that mends what it does not."""
