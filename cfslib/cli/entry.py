"""entry: where the `cfs` command begins.

`cfs run` first looks for a recipe and plays it back; all else, and whatever is amiss,
is for `cli`.  On the way of every `cfs run`, so see `foreign` for what is not imported.
"""

import posix as os
import sys

INTERRUPTED = 130  # 128 + SIGINT


def main() -> int:
    """Run one command and return its exit status."""
    try:
        words = sys.argv[1:]
        code = _run_again(words[1:]) if words[:1] == ["run"] else None
        if code is not None:
            os._exit(code)  # nothing is left to do, and Python takes long to end
        from cfslib.cli import commands as cli

        return cli.main(words)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run_again(words: "list[str]") -> "int | None":
    """Run a container by its recipe; return its exit code, or None without one."""
    from cfslib.runtime import replay, shelf
    from cfslib.runtime.lifeline import have_all_three

    have_all_three()  # before we open anything
    if os.isatty(0) and os.isatty(1):
        return None  # it gets a terminal of its own, the plain way
    directory = shelf.directory(os.environ)
    for number, word in enumerate(words):
        if not word.startswith("-"):  # the command, or what belongs to an option
            name = shelf.alias(words[:number], os.environ)
            if recipe := shelf.load(directory, name):
                return replay.run(recipe, words[number:], os.environ)
    return None


if __name__ == "__main__":
    sys.exit(main())
