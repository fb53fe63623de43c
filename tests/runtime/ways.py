"""The ways in which a Python program comes to a container, as a table for tests.

A program here is one that calls `show(SPEC)` once or more, and may do something to
itself in between.
"""

import subprocess
import sys
import textwrap

WAYS = ["a script", "a notebook"]  # with one thread, and with several, as Jupyter has
PREAMBLE = """
import os, resource, sys, threading, time
from cfslib.isolation.limits import Limits
from cfslib.runtime import client
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec, Volume

if sys.argv[1] == "a notebook":
    threading.Thread(target=time.sleep, args=[600], daemon=True).start()

def show(*words, **more):
    done = capture(Spec(words, **more))
    print(done.stdout, end="", flush=True)
    sys.stderr.write(done.stderr)
    return done.code
"""


def program(way: str, text: str, *words: object) -> list[str]:
    """Return the command that runs such a program in this way."""
    whole = PREAMBLE + textwrap.dedent(text)
    return [sys.executable, "-c", whole, way, *map(str, words)]


def printed(way: str, text: str, *words: object, before: str = "") -> str:
    """Return what the containers of a program print, after a line of a shell."""
    command = ["sh", "-c", f'{before}\nexec "$@"', "sh", *program(way, text, *words)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout
