"""A person's own prompts beside the built-in ones: every version kept, one of them active.

HOME/prompts/ID.LANGUAGE/0001.md, 0002.md, …   written once, never changed
HOME/prompts/ID.LANGUAGE/active                the version in force; none means the built-in template
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from engine.core.errors import ConfigError
from engine.llm.prompts import PromptTemplate, builtin, read_template

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_VERSIONS = 9_999
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_MINE = "user-"


def shipped(template_id: str, language: str, version: str) -> PromptTemplate:
    """The built-in template, if it still is of `version`; ConfigError where it is another one by now, or none."""
    template = builtin(template_id, language)
    if template.version != version:
        raise ConfigError(
            f"prompt {template_id}.{language} version {version} is no longer there; this program has {template.version}"
        )
    return template


class PromptLibrary:
    """Templates by id and language, a person's before the built-in ones. Nothing is kept in memory: the files are the truth."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def template(self, template_id: str, language: str) -> PromptTemplate:
        """The template in force. A person's version is told from the built-in by its own number: `user-0003`."""
        version = self.active(template_id, language)
        if version == 0:
            return builtin(template_id, language)
        name = f"{version:04d}.md"
        template = read_template(self.text(template_id, language, version), f"prompts/{template_id}.{language}/{name}")
        return replace(template, version=f"{_MINE}{version:04d}")

    def of_version(self, template_id: str, language: str, version: str) -> PromptTemplate:
        """The template as it was when a prompt said `version`: a person's `user-0003`, else the built-in one.

        Raises ConfigError where that version is no longer there.
        """
        if not version.startswith(_MINE):
            return shipped(template_id, language, version)
        number = version.removeprefix(_MINE)
        text = self.text(template_id, language, int(number) if number.isdecimal() else -1)
        return replace(read_template(text, f"prompts/{template_id}.{language}/{number}.md"), version=version)

    def names(self) -> list[tuple[str, str]]:
        """(id, language) of every template there is, built in or a person's own."""
        own = self._directory.iterdir() if self._directory.is_dir() else ()
        found = [path.name for path in own if path.is_dir()]
        found += [entry.name.removesuffix(".md") for entry in files("engine.llm").joinpath("templates").iterdir()]
        parts = (name.rpartition(".") for name in found)
        return sorted({(head, tail) for head, _, tail in parts if _NAME.fullmatch(head) and _LANGUAGE.fullmatch(tail)})

    def versions(self, template_id: str, language: str) -> list[int]:
        """The numbers of a person's versions, oldest first."""
        folder = self._folder(template_id, language)
        return sorted(int(path.stem) for path in folder.glob("[0-9][0-9][0-9][0-9].md")) if folder.is_dir() else []

    def active(self, template_id: str, language: str) -> int:
        """The number of the version in force, 0 for the built-in one; ConfigError where the mark is damaged."""
        mark = self._folder(template_id, language) / "active"
        if not mark.exists():
            return 0
        text = mark.read_text(encoding="ascii", errors="replace").strip()
        if not text.isascii() or not text.isdigit() or int(text) not in {0, *self.versions(template_id, language)}:
            raise ConfigError(f"{mark.name} of prompt {template_id}.{language} names no version: {text[:20]!r}")
        return int(text)

    def text(self, template_id: str, language: str, version: int) -> str:
        """The text of one version; 0 is the built-in one. ConfigError where there is none."""
        if version == 0:
            builtin(template_id, language)  # says which there are, if this is none
            return files("engine.llm").joinpath(f"templates/{template_id}.{language}.md").read_text(encoding="utf-8")
        path = self._folder(template_id, language) / f"{version:04d}.md"
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise ConfigError(f"prompt {template_id}.{language} version {version}: {type(fault).__name__}") from None

    def save(self, text: str) -> int:
        """Keep `text` as the next version of the template its front matter names; returns its number. It is not active yet.

        Raises ConfigError where the template is not sound, too large or one too many.
        """
        if len(text.encode()) > MAX_TEMPLATE_BYTES:
            raise ConfigError(f"a prompt template holds at most {MAX_TEMPLATE_BYTES} bytes")
        template = read_template(text, "the new template")
        folder = self._folder(template.id, template.language)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = max(self.versions(template.id, template.language), default=0) + 1
        if number > MAX_VERSIONS:
            raise ConfigError(f"prompt {template.id}.{template.language} has {MAX_VERSIONS} versions, the most there can be")
        with (folder / f"{number:04d}.md").open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return number

    def activate(self, template_id: str, language: str, version: int) -> None:
        """Put a version in force from the next cycle on; 0 goes back to the built-in one."""
        self.text(template_id, language, version)
        folder = self._folder(template_id, language)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = folder / "active.new"
        fresh.write_text(f"{version}\n", encoding="ascii")
        fresh.replace(folder / "active")

    def diff(self, template_id: str, language: str, before: int, after: int) -> str:
        """What changed from one version to another, as a unified diff; 0 is the built-in one."""
        old, new = (self.text(template_id, language, version).splitlines(keepends=True) for version in (before, after))
        return "".join(difflib.unified_diff(old, new, fromfile=f"version {before}", tofile=f"version {after}"))

    def _folder(self, template_id: str, language: str) -> Path:
        if not _NAME.fullmatch(template_id) or not _LANGUAGE.fullmatch(language):
            raise ConfigError(f"not a prompt's name: {template_id[:40]!r} {language[:8]!r}")
        return self._directory / f"{template_id}.{language}"
