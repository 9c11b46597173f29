"""Reading kanpan.toml and the environment; anything unknown or out of range is one clear line.

defaults ◄── kanpan.toml ◄── KANPAN_… variables ──► Config (frozen) ──► desks
Secrets never stand in the file: a model's `api_key` names where the key is (`env:NAME`), and `secret()` fetches it when needed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.config.model import ModelConfig
from engine.config.policy import RiskPolicy
from engine.config.settings import Config
from engine.core.errors import ConfigError

ENV_PREFIX = "KANPAN_"
ENV_RESERVED = frozenset({"KANPAN_HOME", "KANPAN_CONFIG", "KANPAN_LANG", "KANPAN_FEED_HOSTS"})


def load_config(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and validate. `path` None or absent means the demo. Raises ConfigError: `FILE:LINE key.path: what is wrong`."""
    text, where = "", "kanpan.toml"
    if path is not None:
        where = path.name
        if path.exists():
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{where}: cannot be read ({type(error).__name__})") from None
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(_unreadable(error, where)) from None
    sources = _overlay(tree, environ)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, text, where, sources)) from None
    for name, desk in config.desk.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
            raise ConfigError(f"{where}:{_line_of(text, ('desk', name))} desk.{name}: a desk is named with a-z, 0-9, - and _")
        for model in desk.named_models:
            try:
                config.model_named(model)
            except ConfigError as error:
                raise ConfigError(f"{where}:{_line_of(text, ('desk', name, 'models'))} desk.{name}.models: {error}") from None
    return config


def secret(model: str, settings: ModelConfig, environ: Mapping[str, str]) -> str:
    """The key of a model, from the environment or `.env`; raises ConfigError naming the missing variable, never a value."""
    if not settings.api_key:
        return ""
    value = environ.get(settings.key_variable, "").strip()
    if not value:
        raise ConfigError(f"model.{model}.api_key: the variable {settings.key_variable} is not set; export it or put it in .env")
    return value


def environment(config_path: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """The process environment over a `.env` beside the configuration (KEY=VALUE lines, # comments, optional quotes)."""
    merged: dict[str, str] = {}
    dotenv = config_path.parent / ".env" if config_path is not None else None
    if dotenv is not None and dotenv.is_file():
        try:
            text = dotenv.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f".env: cannot be read ({type(error).__name__})") from None
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip().removeprefix("export ").strip()
            if not line or line.startswith("#"):
                continue
            name, separator, value = line.partition("=")
            if not separator or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
                raise ConfigError(f".env:{number}: expected NAME=VALUE")
            merged[name.strip()] = value.strip().strip("'\"")
    merged.update(environ)
    return merged


def _overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Write KANPAN_A__B=value into the tree; returns which variable set which path. A typo is an unknown key, hence an error."""
    sources: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or variable in ENV_RESERVED:
            continue
        node, path = tree, []
        parts = variable.removeprefix(ENV_PREFIX).lower().split("__")
        for part in parts[:-1]:
            key = next((k for k in node if k.replace("-", "_") == part), part)
            path.append(key)
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ConfigError(f"environment {variable}: {'.'.join(path)} is not a table")
        leaf = next((k for k in node if k.replace("-", "_") == parts[-1]), parts[-1])
        node[leaf] = _scalar(environ[variable])
        sources[(*path, leaf)] = variable
    return sources


def _scalar(text: str) -> Any:
    if text.startswith(("[", "{", '"')) or text in ("true", "false"):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _unreadable(error: Exception, where: str) -> str:
    """TOML's own complaint with its line where the contract wants it; what it is not prepared for, without a traceback."""
    if isinstance(error, RecursionError):
        return f"{where}: nested too deeply"
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
    if found is None:
        return f"{where}: not readable as TOML ({type(error).__name__})"
    return f"{where}:{found[2]} {found[1]}" if found[2] else f"{where}: {found[1]} (at the end of the file)"


def _explain(error: ValidationError, text: str, where: str, sources: Mapping[tuple[str, ...], str]) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    path = tuple(str(part) for part in first["loc"])
    message = "unknown key" if first["type"] == "extra_forbidden" else str(first["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if within := re.fullmatch(r"(risk)\.(\w+): (.*)", message):  # a limit that another table of the desk allows or not
        path, message = (*path, within[1], within[2]), within[3]
    bounds = re.fullmatch(r"input should be (greater|less) than or equal to (0|1)", message)
    if bounds and path[-1] in RiskPolicy.model_fields:
        message = "must be between 0 and 1"
    for length in range(len(path), 0, -1):
        if path[:length] in sources:
            return f"environment {sources[path[:length]]} {'.'.join(path)}: {message}"
    return f"{where}:{_line_of(text, path)} {'.'.join(path)}: {message}"


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """The line where the longest known part of `path` stands; 1 when the file does not mention it."""
    best, best_depth = 1, 0
    table: tuple[str, ...] = ()
    here: tuple[str, ...]
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        header = re.match(r"\[\[?([^\]]+)\]\]?", line)
        if header:
            table = tuple(part.strip().strip("\"'") for part in header.group(1).split("."))
            here = table
        else:
            key = re.match(r"([A-Za-z0-9_.\"'-]+)\s*=", line)
            if not key:
                continue
            here = (*table, *(part.strip("\"'") for part in key.group(1).split(".")))
        depth = len(here)
        if here == path[:depth] and depth > best_depth:
            best, best_depth = number, depth
    return best
