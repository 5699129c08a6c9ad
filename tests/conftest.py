"""What several tests share: the command line, run as the shell would run it."""

import subprocess
import sys

import pytest

_COMMANDS = {"diffsign": "main", "diffsign-retarget": "retarget", "diffsign-generate": "generate"}


@pytest.fixture(scope="session")
def diffsign():
    """Run a command of the package in a process of its own: `diffsign("run", clip, "-o", out)`."""

    def run(*arguments: object, command: str = "diffsign") -> subprocess.CompletedProcess[str]:
        function = _COMMANDS[command]
        program = f"import sys; from diffsign.cli import {function} as main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=500,
        )

    return run


@pytest.fixture(scope="session")
def assert_refused():
    """Assert exit code 2, one line on standard error that holds the words, nothing on output."""

    def check(done: subprocess.CompletedProcess[str], *words: str) -> None:
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("diffsign: ")
        assert "Traceback" not in done.stderr
        for word in words:
            assert word in done.stderr

    return check
