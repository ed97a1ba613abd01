"""Version, changelog, tag and tree in, what they disagree on out; where nothing is, the packages of the release in dist/.

`python scripts/release.py` sends nothing anywhere: pushing the tag and uploading the packages is left to whoever releases.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

from checks import BUILD, ROOT, run
from local_swarm import __version__

HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?\s*$", re.MULTILINE)


def disagreements(version: str, changelog: str, tags: Sequence[str], changes: Sequence[str]) -> Iterator[str]:
    """`changelog`: its text, in the form of Keep a Changelog. `tags`: of the commit that is checked out. `changes`: files that
    differ from it."""
    headings = list(HEADING.finditer(changelog))
    dates = {heading["name"]: heading["date"] for heading in headings}
    if version not in dates:
        yield f"CHANGELOG.md has no section [{version}], which is the version in local_swarm/__init__.py."
    elif dates[version] is None:
        yield f"The section [{version}] of CHANGELOG.md has no date."
    if headings and headings[0]["name"] == "Unreleased":
        end = headings[1].start() if headings[1:] else len(changelog)
        if changelog[headings[0].end() : end].strip():
            yield "CHANGELOG.md lists changes as unreleased."
    if f"v{version}" not in tags:
        yield f"This commit is not tagged v{version}; its tags: {', '.join(tags) or 'none'}."
    if changes:
        yield f"Files are not committed: {', '.join(changes)}."


def git(*words: str) -> list[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def main() -> int:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    changes = [line[3:] for line in git("status", "--porcelain")]
    found = list(disagreements(__version__, changelog, git("tag", "--points-at", "HEAD"), changes))
    for sentence in found:
        print(f"error: {sentence}", file=sys.stderr)
    return 1 if found else run(BUILD, keep=True)


if __name__ == "__main__":
    sys.exit(main())
