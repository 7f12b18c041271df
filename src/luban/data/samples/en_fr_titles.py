"""English and French titles: what each package of Debian 12 is, in a line (Debian's description translation project).

They are fetched by apt into a folder of their own, which touches nothing of the system. The texts have no one licence:
each follows its package, so they are for trying things out, not for passing on. How many there are depends on the day.
"""

from __future__ import annotations

import csv
import io
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, final

from luban.core.errors import UsageError
from luban.data.samples import _fetched

RELEASE = "bookworm"
_STANZA = re.compile(r"^Description-md5: (?P<md5>\S+)$.*?^Description-(?!md5)\w+: (?P<title>.+?)$", re.M | re.S)


@final
class EnFrTitles:
    """Pairs of short technical texts: the French one is to be written."""

    target: ClassVar[str] = "french"
    title: ClassVar[str] = "19,232 short descriptions of software, in English and French"
    rows: ClassVar[int] = 19_232
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="luban-fetch-") as folder:
            place.write_bytes(pairs(*_lists(Path(folder))))


def pairs(english: str, french: str) -> bytes:
    """The titles that stand in both lists and differ, each pair once, as CSV, in the order of the English ones."""
    known = dict(_titles(english))
    found = {(known[md5], title) for md5, title in _titles(french) if md5 in known and known[md5] != title}
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("english", "french"))
    writer.writerows(sorted(found))
    return out.getvalue().encode()


def _titles(text: str) -> Iterator[tuple[str, str]]:
    for stanza in text.split("\n\n"):
        match = _STANZA.search(stanza)
        if match:
            yield match["md5"], match["title"].strip()


def _lists(folder: Path) -> list[str]:
    """The lists of English and of French descriptions."""
    _fetched.need("apt-get", "use Debian or Ubuntu")
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb {_fetched.mirror()} {RELEASE} main\n", encoding="utf-8")
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Acquire::Languages": "en,fr",
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", *(part for name, value in options.items() for part in ("-o", f"{name}={value}")), "update"]
    _fetched.run(command, "Debian's lists of descriptions", "apt-get -o Acquire::Languages=en,fr update")
    return [_list(folder / "lists", language) for language in ("en", "fr")]


def _list(folder: Path, language: str) -> str:
    found = sorted(folder.glob(f"*_main_i18n_Translation-{language}*"))
    if not found:
        raise UsageError(
            f"the mirror has no descriptions in the language '{language}'.", where=_fetched.mirror(), fix="try another"
        )
    command = [_fetched.APT_HELPER, "cat-file", str(found[0])]
    return subprocess.run(command, capture_output=True, check=True, timeout=_fetched.PATIENCE).stdout.decode("utf-8")


sample = EnFrTitles()
