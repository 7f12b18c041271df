"""The version of luban: told by `luban --version`, written into every bundle, part of a run's key."""

VERSION = "0.1.0"
