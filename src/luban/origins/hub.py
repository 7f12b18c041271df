"""Models of the Hugging Face hub: `ORGANISATION/NAME`, or `ORGANISATION/NAME@REVISION`, fetched into luban's own cache.

No connection is opened unless it was asked for; what was fetched before is found without one. Weights come as
safetensors, never as pickles, and no code comes with them. The folder is named by the commit that it is of, so what was
begun from can be told, and fetched again.
"""

from __future__ import annotations

import re
from pathlib import Path

from luban.core.errors import ResourceError, UsageError
from luban.core.lazy import require
from luban.data import cache

FOLDER = "hub"
"""Of the cache, in the layout of the library `huggingface_hub`."""
FILES = (
    "config.json", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json", "1_Pooling/config.json",
    "generation_config.json", "chat_template.jinja", "README.md",
)  # fmt: skip
"""What is fetched of a model; nothing else is."""
_NAME = re.compile(r"(?P<name>[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95})(?:@(?P<revision>[\w-][\w./-]{0,99}))?", re.ASCII)
_PLACE = re.compile(r"models--(?P<owner>.+?)--(?P<name>.+)")


def is_name(name: str) -> bool:
    """Whether this may be a model of the hub, rather than a place.

    >>> is_name("org/some-bert"), is_name("org/some-bert@v1.0"), is_name("./some-bert"), is_name("minilm")
    (True, True, False, False)
    """
    return _NAME.fullmatch(name) is not None


def folder(name: str, *, online: bool) -> Path:
    """The folder of a model, fetched where that is allowed, else as it was fetched before.

    Raises UsageError where it is not here and no connection may be opened, or there is no such model; ResourceError
    where none comes about.
    """
    found = _NAME.fullmatch(name)
    assert found is not None, f"{name} is a name of the hub"
    hub = require("huggingface_hub", extra="nets", purpose="models of the hub")
    from huggingface_hub import errors

    place = cache.folder(FOLDER)
    asked = {"repo_id": found["name"], "revision": found["revision"], "cache_dir": place, "allow_patterns": list(FILES)}
    try:
        return Path(hub.snapshot_download(**asked, local_files_only=not online))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError):
        raise UsageError("the hub has no such model, or does not show it.", where=f"--from {name}") from None
    except errors.LocalEntryNotFoundError:
        if online:
            raise ResourceError("the hub cannot be reached.", where=f"--from {name}", fix="try again later") from None
        raise UsageError(
            "no folder is here, and this model of the hub was not fetched yet; luban opens no connection by itself.",
            where=f"--from {name}",
            fix=f"--from {name} --online",
        ) from None
    except OSError as error:
        raise ResourceError(f"the model does not come: {str(error)[:120]}.", where=f"--from {name}") from None


def told(path: Path) -> dict[str, str]:
    """The name and the commit of a model that came from the hub; nothing of any other folder.

    >>> told(Path("models--org--some-bert/snapshots/0a1b"))
    {'name': 'org/some-bert', 'revision': '0a1b'}
    """
    found = _PLACE.fullmatch(path.parent.parent.name) if path.parent.name == "snapshots" else None
    return {} if found is None else {"name": f"{found['owner']}/{found['name']}", "revision": path.name}
