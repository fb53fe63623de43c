"""cli: the `cfs` command."""
