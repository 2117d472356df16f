"""tidy_sources.py BUILD_DIRECTORY [REVISION]: the sources that `./test --tidy` checks, one a line:
those that differ from a revision, uncommitted and new ones too, and those that include a header
that does. Without a revision: from where this branch left origin/main (or main); on main itself,
from the commit before. All of them when clang-tidy's own settings differ. The build directory
knows who includes what; build first."""

import os
import subprocess
import sys

PLANES = ("dataplane/", "control/", "srtp/", "tests/", "perf/")
SETTINGS = {".clang-tidy", "tests/tidy.sh"}


def git(*arguments):
    """Its output's lines, or None when it fails."""
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return result.stdout.splitlines() if result.returncode == 0 else None


def default_revision():
    head = git("rev-parse", "HEAD")
    for branch in ("origin/main", "main"):
        base = git("merge-base", "HEAD", branch)
        if base and base != head:
            return base[0]
    before = git("rev-parse", "--verify", "--quiet", "HEAD~1")
    return before[0] if before else None


def changed_files(revision):
    changed = git("diff", "--name-only", "--relative", revision, "--")
    if changed is None:
        sys.exit(f"./test: git does not know the revision {revision}")
    return {*changed, *git("ls-files", "--others", "--exclude-standard")}


def included_files(build_directory):
    """{source: the files of ours that it includes}, as the compiler wrote them down."""
    lines = subprocess.run(["ninja", "-C", build_directory, "-t", "deps"], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    included, source = {}, None
    for line in lines:
        if not line.startswith(" "):
            source = None
            continue
        path = os.path.relpath(os.path.join(build_directory, line.strip()))
        if source is None:
            source = path
        elif path.startswith(PLANES):
            included.setdefault(source, set()).add(path)
    return included


def main():
    build_directory, *revision = sys.argv[1:]
    sources = git("ls-files", "--cached", "--others", "--exclude-standard", "*.cc")
    if sources is None:
        sys.exit("./test: only git knows what differs, and this is no clone: use --tidy --all")
    sources = {path for path in sources if path.startswith(PLANES) and os.path.exists(path)}
    revision = revision[0] if revision else default_revision()
    changed = changed_files(revision) if revision else SETTINGS
    if not changed & SETTINGS:
        included = included_files(build_directory)
        sources = {path for path in sources
                   if path in changed or included.get(path, set()) & changed}
    print("\n".join(sorted(sources)))


if __name__ == "__main__":
    main()
