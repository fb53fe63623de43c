"""recipe: what the instructions of a Dockerfile change in what an image says of itself.

Such an instruction makes no layer.  What stands in the config of an image that it was
built from stays, also what we do not know of.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cfslib.images import substitution
from cfslib.images.dockerfile import Instruction
from cfslib.images.search import PATH

SHELL = ("/bin/sh", "-c")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.ASCII)
_SIGNAL = re.compile(r"(SIG)?[A-Z][A-Z0-9]*([+-]\d{1,2})?|\d{1,2}", re.ASCII)
_VARIABLE = re.compile(r"[^=\s\0]+")


class Recipe:
    """What an image that is being made says of itself: `config` of its JSON."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config = {key: it for key, it in (config or {}).items() if it is not None}
        self._has_its_own_cmd = False

    @property
    def env(self) -> dict[str, str]:
        """Return the environment."""
        pairs = (str(one).partition("=") for one in self.config.get("Env", ()))
        return {name: value for name, _, value in pairs}

    @property
    def shell(self) -> Sequence[str]:
        """Return what runs the text of a RUN."""
        return self.config.get("Shell") or SHELL

    @property
    def workdir(self) -> str:
        """Return where commands begin, and relative names."""
        return str(self.config.get("WorkingDir") or "/")

    @property
    def user(self) -> str:
        """Return who commands run as."""
        return str(self.config.get("User") or "0")

    def place(self, path: str) -> str:
        """Return an absolute path, cleaned; a relative one begins at the workdir."""
        names: list[str] = []
        whole = path if path.startswith("/") else f"{self.workdir}/{path}"
        for name in whole.split("/"):
            if name == "..":
                names = names[:-1]
            elif name not in ("", "."):
                names.append(name)
        return f"/{'/'.join(names)}"

    def argv(self, step: Instruction) -> list[str]:
        """Return what RUN, CMD or ENTRYPOINT starts: a list, or a text for a shell."""
        if step.words is not None:
            return list(step.words)
        return [*self.shell, step.rest]

    def follow(self, step: Instruction, variables: Mapping[str, str], sign: str) -> str:
        """Do what an instruction says; return it as history shows it."""
        try:
            return _FOLLOW[step.name](self, step, variables, sign)
        except ValueError as error:
            raise step.wrong(f"{step.name}: {error}") from None

    def _env(self, step: Instruction, variables: Mapping[str, str], sign: str) -> str:
        found = self.env
        pairs = _expanded(step, variables, sign)
        for name, value in pairs:
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a variable")
            found[name] = value
        self.config["Env"] = [f"{name}={value}" for name, value in found.items()]
        return f"ENV {_shown(pairs)}"

    def _label(self, step: Instruction, variables: Mapping[str, str], sign: str) -> str:
        pairs = _expanded(step, variables, sign)
        self.config["Labels"] = {**self.config.get("Labels", {}), **dict(pairs)}
        return f"LABEL {_shown(pairs)}"

    def _user(self, step: Instruction, variables: Mapping[str, str], sign: str) -> str:
        self.config["User"] = _one(step, variables, sign)
        return f"USER {self.config['User']}"

    def _workdir(
        self, step: Instruction, variables: Mapping[str, str], sign: str
    ) -> str:
        place = substitution.expand(step.text, variables, sign)
        if not place:
            raise ValueError("this is an empty path")
        self.config["WorkingDir"] = self.place(place)
        return f"WORKDIR {self.config['WorkingDir']}"

    def _cmd(self, step: Instruction, _: Mapping[str, str], sign: str) -> str:
        self.config["Cmd"], self._has_its_own_cmd = self.argv(step), True
        return f"CMD {json.dumps(self.config['Cmd'])}"

    def _entrypoint(self, step: Instruction, _: Mapping[str, str], sign: str) -> str:
        self.config["Entrypoint"] = self.argv(step)
        if not self._has_its_own_cmd:  # it was meant for another entrypoint
            self.config.pop("Cmd", None)
        return f"ENTRYPOINT {json.dumps(self.config['Entrypoint'])}"

    def _shell(self, step: Instruction, _: Mapping[str, str], sign: str) -> str:
        if not step.words:
            raise ValueError('it should be a list, such as ["/bin/bash", "-c"]')
        self.config["Shell"] = list(step.words)
        return f"SHELL {json.dumps(self.config['Shell'])}"

    def _stop(self, step: Instruction, variables: Mapping[str, str], sign: str) -> str:
        text = _one(step, variables, sign)
        if not _SIGNAL.fullmatch(text):
            raise ValueError(f"{text} is no signal")
        self.config["StopSignal"] = text
        return f"STOPSIGNAL {text}"

    def _expose(
        self, step: Instruction, variables: Mapping[str, str], sign: str
    ) -> str:
        ports: dict[str, dict[str, str]] = dict(self.config.get("ExposedPorts", {}))
        texts = [substitution.expand(step.text, variables, sign)]
        for text in " ".join(texts).split():
            found = _PORT.fullmatch(text.lower())
            first = int(found[1]) if found else 0
            last = int(found[2] or first) if found else 0
            if not found or not 0 < first <= last < 1 << 16:
                raise ValueError(f"{text} is no port, such as 80 or 53/udp")
            for port in range(first, last + 1):
                ports[f"{port}/{found[3] or 'tcp'}"] = {}
        self.config["ExposedPorts"] = ports
        return f"EXPOSE {' '.join(texts)}"


_FOLLOW: Mapping[str, Callable[[Recipe, Instruction, Mapping[str, str], str], str]] = {
    "ENV": Recipe._env,
    "LABEL": Recipe._label,
    "USER": Recipe._user,
    "WORKDIR": Recipe._workdir,
    "CMD": Recipe._cmd,
    "ENTRYPOINT": Recipe._entrypoint,
    "SHELL": Recipe._shell,
    "STOPSIGNAL": Recipe._stop,
    "EXPOSE": Recipe._expose,
}


def of_nothing() -> Recipe:
    """Return what an empty image says of itself, as other builders have it."""
    return Recipe({"Env": [f"PATH={PATH}"]})


def of_host_tools() -> Recipe:
    """Return what an image of this machine's tools says of itself."""
    return Recipe({"Env": [f"PATH={PATH}"], "Cmd": ["sh"]})


def _expanded(
    step: Instruction, variables: Mapping[str, str], sign: str
) -> list[tuple[str, str]]:
    def expand(text: str) -> str:
        return substitution.expand(text, variables, sign)

    return [
        (expand(name), expand(value))
        for name, value in substitution.pairs(step.text, sign)
    ]


def _one(step: Instruction, variables: Mapping[str, str], sign: str) -> str:
    text = substitution.expand(step.text, variables, sign)
    if not text or text.split() != [text]:
        raise ValueError(f"it should be one word, not {text!r}")
    return text


def _shown(pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{name}={value}" for name, value in pairs)
