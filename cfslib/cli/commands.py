"""commands: those of `cfs` besides `run`.

Each imports what it needs when it is called, because the others should not wait for
that.
"""

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from cfslib.cli.parser import Asked, Command, Option, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

VERSION = "0.1.0"

_CFS = Command(
    "cfs",
    "[-h] [--version] COMMAND ...",
    [Option("--version", help="show program's version number and exit")],
    least=["COMMAND"],
    stops=True,
    about="""\
Containers from scratch.

positional arguments:
  COMMAND
    run       run a command in a container
    ps        list containers that have a name, or go on by themselves
    logs      print what one has printed
    attach    join one
    stop      end some
    kill      send some a signal
    wait      wait for the end of some
    restart   end some, and start them anew
    rm        forget some
    exec      run one more command in one
    pause     hold some still
    unpause   let some go on
    top       list the processes of one
    stats     show how much some use
    cp        copy files into one, and out of it
    diff      list what has been changed of the files of one
    inspect   print all that is known of some
    port      print at which addresses one listens
    doctor    say what this machine allows
    ns        show the namespaces of a process
    workshop  open the notebooks in JupyterLab, as a copy of your own
    check     run the checks of notebooks
    rootfs    make a root filesystem
    image     bring images here, look at them, and take them away
    network   make networks for containers""",
)
LIFE = frozenset(
    ["ps", "logs", "attach", "stop", "kill", "wait", "restart", "rm", "inspect", "port"]
)  # see `life_commands`
INSIDE = frozenset(["pause", "unpause", "top", "stats", "cp", "diff"])
_ROOTFS = Command(
    "cfs rootfs",
    "[-h] ACTION ...",
    least=["ACTION"],
    stops=True,
    about="""\
positional arguments:
  ACTION
    build     from programs of this machine""",
)
_DOCTOR = Command(
    "cfs doctor",
    "[-h] [--report]",
    [Option("--report", help="one page to mail before a class; it does not name you")],
    most=0,
)
_NS = Command("cfs ns", "[-h] [PID]", most=1, about="positional arguments:\n  PID")
_CHECK = Command(
    "cfs check",
    "[-h] NOTEBOOK [NOTEBOOK ...]",
    least=["NOTEBOOK"],
    about="positional arguments:\n  NOTEBOOK",
)
_WORKSHOP = Command(
    "cfs workshop",
    "[-h] [--instructor] [--copy-only] DIR [-- OPTION ...]",
    [
        Option("--instructor", help="with all solutions, and the instructor's guide"),
        Option("--copy-only", help="do not open JupyterLab"),
    ],
    least=["DIR"],
    about="""\
positional arguments:
  DIR       gets the copy; what you have changed in it stays
  OPTION    for JupyterLab; `jupyter lab --help-all` lists them""",
)
_BUILD = Command(
    "cfs rootfs build",
    "[-h] DIR [TOOL ...]",
    least=["DIR"],
    about="""\
positional arguments:
  DIR       must be empty, if it is there
  TOOL      a name, or a path; the everyday tools if none is given

Libraries come along.  The exit status is 1 if a program needs what is not here.""",
)


def execute(line: Sequence[str]) -> int:
    """Do what one of the commands does, and return its exit status."""
    if line and line[0] in LIFE:
        from cfslib.cli import life_commands

        return life_commands.COMMANDS[line[0]](line[1:])
    if line and line[0] in INSIDE:
        from cfslib.cli import inside_commands

        return inside_commands.COMMANDS[line[0]](line[1:])
    named = {
        "doctor": diagnose,
        "ns": list_namespaces,
        "workshop": open_workshop,
        "check": check,
        "rootfs": lambda rest: _execute(_ROOTFS, {"build": build_rootfs}, rest),
        "image": manage_images,
        "network": look_after_networks,
    }
    return _execute(_CFS, named, line)


def _execute(
    command: Command,
    actions: Mapping[str, Callable[[Sequence[str]], int]],
    line: Sequence[str],
) -> int:
    _, (name, *rest) = parse(command, line)
    if name not in actions:
        raise command.wrong(f"{command.least[0]}: invalid choice: {name!r}")
    return actions[name](rest)


def answer(asked: Asked) -> int:
    """`--help` and `--version`: tell about a command."""
    from cfslib.cli import manual

    version = asked.option.name == "--version"
    print(f"cfs {VERSION}" if version else manual.text(asked.command))
    return 0


def diagnose(line: Sequence[str]) -> int:
    """`cfs doctor`: say what this machine allows."""
    asked, _ = parse(_DOCTOR, line)
    from cfslib.doctor import letter
    from cfslib.doctor import report as doctor

    findings = doctor.examine()
    as_text = letter.letter if asked["--report"] else doctor.report
    print(as_text(findings))
    return 0 if doctor.healthy(findings) else 1


def list_namespaces(line: Sequence[str]) -> int:
    """`cfs ns [PID]`: show where a process lives, and what it shares with us."""
    from cfslib.isolation.namespaces import shared, snapshot

    _, words = parse(_NS, line)
    try:
        pid = int(words[0]) if words else os.getpid()
    except ValueError:
        raise _NS.wrong(f"PID: invalid int value: {words[0]!r}") from None
    if not os.path.exists(f"/proc/{pid}"):
        raise ProcessLookupError(f"there is no process {pid}")
    same = shared(pid)
    for namespace, number in snapshot(pid).items():
        mark = {True: "shared", False: "private", None: ""}[same[namespace]]
        print(f"{namespace!s:<8} {number or 'hidden':<12} {mark}".rstrip())
    return 0


def look_after_networks(line: Sequence[str]) -> int:
    """`cfs network ACTION`: make networks for containers, and look at them."""
    from cfslib.cli import network_commands

    return _execute(network_commands.NETWORK, network_commands.ACTIONS, line)


def build_rootfs(line: Sequence[str]) -> int:
    """`cfs rootfs build DIR [TOOL...]`: make a root out of programs of this machine."""
    _, (place, *tools) = parse(_BUILD, line)
    from pathlib import Path

    from cfslib.images import host_tools
    from cfslib.images import progress as bar

    directory = Path(place)
    is_there = directory.exists()
    if is_there and any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty")
    wanted = tools or host_tools.EVERYDAY
    try:
        with bar.in_terminal("Copying programs") as shown:
            host_tools.build(directory, wanted, shown)
        is_any_missing = _say_what_is_missing(host_tools.found(wanted), directory)
    except BaseException as error:  # a full disk, or Ctrl-C: half a root is none
        _clear_away(place, keep=is_there)
        raise _told(error, place) from None
    text = f"built {directory}; try: cfs run --rootfs {directory} COMMAND\n"
    sys.stdout.buffer.write(os.fsencode(text))  # a name need not be UTF-8
    return 1 if is_any_missing else 0


def _clear_away(directory: str, *, keep: bool) -> None:
    """Remove what was built, with its directory unless that was there before."""
    import shutil

    if os.path.isdir(directory):
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
        if not keep:
            os.rmdir(directory)


def _told(error: BaseException, place: str) -> BaseException:
    """Have an error name what it is about, and say what to do."""
    from cfslib.kernel.hints import hint_for

    if isinstance(error, OSError) and error.errno:
        error.filename = error.filename or place
        if error.errno == errno.EAGAIN:  # of the start of `ldd`
            error.add_note(f"Hint: {hint_for('posix_spawn', error.errno)}")
    return error


def _say_what_is_missing(programs: "Sequence[Path]", root: "Path") -> bool:
    """Say what was left out, and what is missing; return whether anything is."""
    from cfslib.images import host_tools, needs

    is_any_missing = False
    for program in programs:
        if not host_tools.is_readable(program):
            cause = f"left out, because we may not read it: {program}"
            _warn(cause, host_tools.to_make_readable([program]))
        elif missing := needs.of(program, root).missing():
            is_any_missing = True
            cause = f"{program} cannot run there; not here: {', '.join(missing)}"
            _warn(cause, "install what is missing, and build anew.")
    return is_any_missing


def _warn(cause: str, advice: str) -> None:
    print(f"cfs: {cause}\n  Hint: {advice}", file=sys.stderr)


def manage_images(line: Sequence[str]) -> int:
    """`cfs image ACTION`: bring images here, look at them, and take them away."""
    from cfslib.cli import image_commands

    return _execute(image_commands.IMAGE, image_commands.ACTIONS, line)


def open_workshop(line: Sequence[str]) -> int:
    """`cfs workshop DIR`: bring a copy of the notebooks, and open it in JupyterLab."""
    values, (place, *options) = parse(_WORKSHOP, line)
    from pathlib import Path

    from cfslib.lessons import handout, opening

    older = handout.lay_out(Path(place), solutions=bool(values["--instructor"]))
    for name in older:
        _warn(
            f"{place}/{name}.ipynb was changed, so it stays; there is a newer one",
            "“Back to the start” in 00-start-here keeps yours and brings the new one.",
        )
    if not values["--copy-only"]:
        opening.open_lab(Path(place), options)
    print(f"The notebooks are in {place}; to open them: cfs workshop {place}")
    return 0


def check(line: Sequence[str]) -> int:
    """`cfs check NOTEBOOK...`: run the checks of notebooks, say what is done."""
    _, notebooks = parse(_CHECK, line)
    from pathlib import Path

    from cfslib.images import progress as bar
    from cfslib.lessons import journal, rehearsal

    still_open = 0
    for path in map(Path, notebooks):
        with bar.in_terminal(f"Running {path.stem}") as shown:
            name = rehearsal.perform(path, shown)
        exercises = journal.exercises_in(path, name)
        for exercise in exercises:
            print("done" if exercise.done else "open", f"{path.stem}: {exercise}")
            still_open += not exercise.done
        if not exercises:
            raise ValueError(f"{path} has no exercises")
    return 1 if still_open else 0
