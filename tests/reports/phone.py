"""How wide a page is on the screen of a phone, as a browser lays it out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def widths(page: str, folder: Path) -> tuple[int, int]:
    """What the page takes, and what there is, in pixels."""
    # The page's own policy would forbid the measuring script.
    document = re.sub(r"<meta http-equiv=[^>]*>", "", page)
    measure = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script>"
    file = folder / "page.html"
    file.write_text(document.replace("</body>", f"{measure}</body>"), encoding="utf-8")
    chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,800", "--dump-dom"]
    done = subprocess.run([*chromium, f"--user-data-dir={folder}/profile", file.as_uri()],
                          capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    found = re.search(r"<title>(\d+) of (\d+)</title>", done.stdout)
    assert found is not None
    return int(found[1]), int(found[2])
