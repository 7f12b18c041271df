"""Prompts of the telephone system Asterisk, spoken by one woman in each language: 8,000 steps a second, one channel.

CC-BY-SA-3.0 (Digium). The name of a file is what it says.
"""

from __future__ import annotations

from luban.data.samples import _archives, _fetched

PACKAGES = {
    "english": _fetched.Package(
        "asterisk-core-sounds-en-wav",
        "1.6.1-1",
        "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
        "debian",
        "asterisk-core-sounds",
    ),
    "french": _fetched.Package(
        "asterisk-core-sounds-fr-wav",
        "1.6.1-1",
        "8d4e1bc32ed5ba7fbda40841ca1825ed20cc6232724a473c90f8bb0e53e6073e",
        "debian",
        "asterisk-core-sounds",
    ),
}
SPEAKERS = {"english": "Allison Smith", "french": "June Wallack"}
FOLDER = "usr/share/asterisk/sounds/"
ENDING = ".wav"


def prompts(language: str) -> dict[str, bytes]:
    """The recordings of a language by name, such as `digits/7`."""
    found = {}
    for name, content in _archives.of_deb(_fetched.download(PACKAGES[language]), FOLDER):
        if name.endswith(ENDING):
            # The first folder is that of the speaker.
            found[name.partition("/")[2].removesuffix(ENDING)] = content
    return found
