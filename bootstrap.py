#!/usr/bin/env python3
"""
One file that takes a fresh machine to a running Stillhunt, with nothing but Python 3.11 or newer.

    python3 bootstrap.py demo       install, then run the demonstration
    python3 bootstrap.py test       install, then run every check and every test
    python3 bootstrap.py test-trace install torch for a CPU and a small model too, then run the tests that need them
    python3 bootstrap.py check      install, then run the checks without the tests
    python3 bootstrap.py setup      install only

It makes `.venv` beside this file and installs the exact versions of requirements/*.lock, checked by
their hashes; nothing outside this folder changes. Words after the command are handed on to it.
"""

import sys

if sys.version_info < (3, 11):
    import os
    import shutil
    import subprocess

    for newer in ("python3.14", "python3.13", "python3.12", "python3.11"):
        if shutil.which(newer) and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            sys.exit(subprocess.call([newer, *sys.argv]))
    sys.exit(
        "Stillhunt needs Python 3.11 or newer; this is Python {}.{}.\n".format(*sys.version_info[:2])
        + "Install one from https://www.python.org/downloads/ (or `apt install python3.11`, "
        "`brew install python@3.13`) and run this file with it."
    )

import base64
import configparser
import contextlib
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
NEEDED_GB = 2.0
NOT_INSTALLED = 4
"""Exit status of `test-trace` where torch or the model cannot be had on this machine."""

TORCH = "torch==2.13.0"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

HINTS = (
    (
        r"No space left on device|Errno 28|WinError 112",
        "The disk is full. Free about 2 GB here and in the folder for temporary files (TMPDIR).",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "A package is not the one that was locked. A mirror or a local wheel folder may serve\n"
        "a rebuilt copy: try once with PIP_CONFIG_FILE=/dev/null, or PIP_INDEX_URL set to a faithful mirror.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index could not be verified. Behind an inspecting proxy, point SSL_CERT_FILE and "
        "PIP_CERT at its certificate bundle.",
    ),
    (
        r"name resolution|getaddrinfo|nodename nor servname|Connection refused|Network is unreachable"
        r"|ConnectTimeout|timed out|from versions: none|Failed to establish|urlopen error|ProxyError",
        "The package index cannot be reached. Check the network; set HTTPS_PROXY for a proxy, or "
        "PIP_INDEX_URL for a mirror.",
    ),
    (
        r"No matching distribution found|Could not find a version",
        "The index has no build of a package for this machine. Builds exist for CPython 3.11 to 3.14 on\n"
        "64-bit Linux (glibc), macOS and Windows; a mirror that lags behind gives the same message.",
    ),
)


class SetupError(Exception):
    """A step of the installation failed; the message says which, and what to do."""


def say(text: str) -> None:
    """Print one step on stderr, so that stdout belongs to the command that is run."""
    print(f"[stillhunt] {text}", file=sys.stderr, flush=True)


def environment() -> dict[str, str]:
    """Return the caller's environment without what would lead a virtual environment astray."""
    astray = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")
    kept = {name: value for name, value in os.environ.items() if name not in astray}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "VIRTUAL_ENV": str(VENV)}


def attempt(command: list[str]) -> tuple[bool, str]:
    """Run `command` quietly; return whether it succeeded, and everything it printed."""
    pipe, joined = subprocess.PIPE, subprocess.STDOUT
    done = subprocess.run(command, env=environment(), stdout=pipe, stderr=joined, text=True, errors="replace")
    return done.returncode == 0, done.stdout


def failure(what: str, output: str) -> SetupError:
    """Describe a failed step: the end of its output, then the next step to take."""
    tail = "\n".join("   " + line for line in output.strip().splitlines()[-12:])
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, output)), "The lines above say why.")
    return SetupError(f"{what} failed.\n{tail}\n{hint}")


# ---- the virtual environment, with pip in it


def make_venv() -> None:
    """Make `.venv` unless a working one is there; it has pip afterwards, by the first route that works."""
    sound = "import sys; sys.exit(not ((3, 11) <= sys.version_info and sys.prefix != sys.base_prefix))"
    if not PYTHON.exists() or not attempt([str(PYTHON), "-c", sound])[0]:
        say(f"making {VENV} with Python {sys.version.split()[0]}")
        made, output = attempt([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
        if not made:
            raise failure("Making the virtual environment", output)
    if has_pip():
        return
    for route in pip_routes():
        if shutil.which(route[0]) and attempt(route)[0] and has_pip():
            return
    say("this Python brings no pip: fetching it from the package index")
    with pip_wheel() as wheel:
        worked, output = attempt(
            [str(PYTHON), f"{wheel}{os.sep}pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
        )
    if not worked:
        raise failure("Installing pip", output)


def has_pip() -> bool:
    """Say whether the virtual environment can run pip."""
    return attempt([str(PYTHON), "-m", "pip", "--version"])[0]


def pip_routes() -> list[list[str]]:
    """List the ways to put pip into `.venv` without the network or with another tool, best first."""
    return [
        [str(PYTHON), "-m", "ensurepip", "--default-pip"],
        [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", pinned_pip()[0]],
        ["uv", "pip", "install", "--quiet", "--python", str(PYTHON), pinned_pip()[0]],
    ]


def pinned_pip() -> tuple[str, set[str]]:
    """Return the locked pip as `pip==version`, and the SHA-256 sums that its files may have."""
    lock = (ROOT / "requirements" / "run.lock").read_text(encoding="utf-8")
    row = re.search(r"^(pip==\S+)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", lock, re.MULTILINE)
    if row is None:
        raise SetupError("requirements/run.lock names no pip. Rewrite it with `python tools/lock.py`.")
    return row[1], set(re.findall(r"sha256:([0-9a-f]{64})", row[2]))


def index_url() -> str:
    """Return the package index this machine is set up to use: environment, pip's own files, then PyPI."""
    usual = ("~/.pip/pip.conf", "~/.config/pip/pip.conf", "/etc/pip.conf", "~/AppData/Roaming/pip/pip.ini")
    files = filter(None, (os.environ.get("PIP_CONFIG_FILE"), *usual))
    found = [os.environ.get("PIP_INDEX_URL", "")]
    for name in files:
        settings = configparser.RawConfigParser(strict=False)
        with contextlib.suppress(configparser.Error, OSError):
            settings.read(os.path.expanduser(name), encoding="utf-8")
        found += [settings.get(part, "index-url", fallback="") for part in ("install", "global")]
    return next(filter(None, found), "https://pypi.org/simple").rstrip("/")


def fetch(url: str) -> bytes:
    """Read `url`, through the proxy and with the certificates this machine is set up for."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.5"}
    if parts.username:
        login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=60, context=context) as page:
        return bytes(page.read())


@contextlib.contextmanager
def pip_wheel() -> Iterator[Path]:
    """Lend the locked pip wheel, fetched from the index and checked by its hash."""
    name, sums = pinned_pip()
    wanted = f"{name.replace('==', '-')}-py3-none-any.whl"
    page_url = f"{index_url()}/pip/"
    try:
        page = fetch(page_url).decode()
        if page.lstrip().startswith("{"):
            links = [str(file["url"]) for file in json.loads(page)["files"]]
        else:
            links = re.findall(r'href="([^"]+)"', page)
        link = next((one for one in links if urllib.parse.urlsplit(one).path.endswith("/" + wanted)), None)
        if link is None:
            raise SetupError(f"The package index has no {wanted}. Set PIP_INDEX_URL to a fuller mirror.")
        content = fetch(urllib.parse.urljoin(page_url, link))
    except (OSError, ValueError) as error:
        raise failure("Fetching pip", str(error)) from error
    if hashlib.sha256(content).hexdigest() not in sums:
        raise SetupError(f"{wanted} from the package index does not have the locked hash: not used.")
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / wanted
        wheel.write_bytes(content)
        yield wheel


# ---- the packages


def install(lock: str, needed_gb: float = NEEDED_GB, *options: str) -> None:
    """
    Install the versions of requirements/`lock` and Stillhunt itself, unless nothing changed since.

    Packages come ready built, but for those that `options` of pip say are built here.
    """
    stamp = VENV / f"stillhunt-{lock}.stamp"
    sources = [ROOT / "requirements" / lock, ROOT / "pyproject.toml"]
    state = hashlib.sha256(b"".join(s.read_bytes() for s in sources) + str(ROOT).encode()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == state:
        return
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(f"{ROOT} has {free_gb:.1f} GB free; about {needed_gb:.0f} GB are needed.")
    make_venv()
    say(f"installing the packages of requirements/{lock} (a few minutes the first time)")
    started = time.monotonic()
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    locked = [*pip, "--require-hashes", "--only-binary", ":all:", *options, "-r", str(ROOT / "requirements" / lock)]
    itself = [*pip, "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(ROOT)]
    for what, command in (("Installing the locked packages", locked), ("Installing Stillhunt", itself)):
        worked, output = attempt(command)
        if not worked:
            raise failure(what, output)
    stamp.write_text(state, encoding="utf-8")
    say(f"installed in {time.monotonic() - started:.0f} s")


def install_torch() -> None:
    """
    Install the build of PyTorch for a CPU, unless a working one is there; never one that brings CUDA.

    On Linux the package index holds only CUDA builds; CPU builds carry `+cpu` in their version and come from PyTorch's own
    index, unless this machine is set up with another place that has them. Elsewhere the index has CPU builds.
    """
    if attempt([str(PYTHON), "-c", f"import torch; assert torch.__version__.startswith('{TORCH[7:]}')"])[0]:
        return
    build = TORCH + "+cpu" if sys.platform == "linux" else TORCH
    say(f"installing {build}")
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", build]
    output = ""
    for place in ([], ["--index-url", TORCH_INDEX]):
        worked, output = attempt([*command, *place])
        if worked:
            return
    raise failure(f"Installing {build}", output)


def look_for_browser() -> None:
    """Make sure of a browser for the browser test, where that is possible; otherwise the test is skipped."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    mac = Path("/Applications/Google Chrome.app")
    if any(map(shutil.which, names)) or mac.exists():
        return
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing chromium for the browser test")
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        attempt([*quiet, "update"])
        if attempt([*quiet, "install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"])[0]:
            return
    say("no Chrome or Chromium here: the browser test will be skipped")


def look_for_spark() -> None:
    """
    Install PySpark for the tests of the cluster engine where there is a Java to run it; otherwise they are skipped.

    PySpark is published as source only: it is the one package that is built here, by the locked setuptools.
    """
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and Path(home, "bin", "java").exists()):
        say("no Java here: the tests on a Spark cluster will be skipped")
        return
    try:
        install("spark.lock", NEEDED_GB + 2, "--no-binary", "pyspark", "--no-build-isolation")
    except SetupError as error:
        say(f"the tests on a Spark cluster will be skipped: {error}")


# ---- the commands


def run(name: str, *command: str) -> bool:
    """Run one tool of the virtual environment from the repository root; say whether it succeeded."""
    say(f"{name}: {' '.join(command)}")
    tool = BIN / (command[0] + (".exe" if os.name == "nt" else ""))
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    done = subprocess.run([str(tool), *command[1:]], cwd=ROOT, env={**environment(), "PATH": path})
    return done.returncode == 0


def check() -> list[str]:
    """Run every check that is not a test; return the names of those that failed."""
    checks = {
        "style": ("ruff", "check", "."),
        "types": ("mypy",),
        "imports": ("lint-imports",),
        "docstrings": ("interrogate", "--quiet", "src", "tests", "tools"),
        "house rules": ("python", "tools/check_house.py"),
    }
    return [name for name, command in checks.items() if not run(name, *command)]


def test(arguments: list[str]) -> int:
    """Run every check and then every test; anything that fails makes the whole fail."""
    look_for_browser()
    look_for_spark()
    failed = check()
    if failed:
        say(f"FAILED so far: {', '.join(failed)}; the tests follow")
    passed = run("tests", "pytest", "-n", "auto", *arguments)
    if failed:
        say(f"FAILED checks: {', '.join(failed)} (see above)")
    return 0 if passed and not failed else 1


def test_trace(arguments: list[str]) -> int:
    """Run the tests that need torch and a small model; the other tests are those of `test`."""
    install_torch()
    return 0 if run("tests with models", "pytest", "-m", "models", "tests/trace", *arguments) else 1


def demo(arguments: list[str]) -> int:
    """Run the demonstration; the report is opened in a browser only where a person is looking."""
    looking = sys.stdout.isatty() and not os.environ.get("CI")
    quiet = [] if looking or "--no-open" in arguments else ["--no-open"]
    done = subprocess.run([str(BIN / "stillhunt"), "demo", *arguments, *quiet], env=environment())
    return done.returncode


def main(arguments: list[str]) -> int:
    """Install what the command needs, then run it; returns the exit status."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command not in ("demo", "test", "test-trace", "check", "setup"):
        print(__doc__)
        return 0 if command in ("", "help", "-h", "--help") else 2
    try:
        locks = {"demo": "run.lock", "setup": "run.lock", "test-trace": "trace.lock"}
        # trace.lock is complete but for torch, which comes apart: pip must not look for what asks for it.
        install(locks.get(command, "test.lock"), NEEDED_GB, *(["--no-deps"] if command == "test-trace" else []))
        if command == "test-trace":
            return test_trace(rest)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return NOT_INSTALLED if command == "test-trace" else 1
    except OSError as error:
        print(f"\n{failure('The installation', str(error))}", file=sys.stderr)
        return 1
    if command == "demo":
        return demo(rest)
    if command == "test":
        return test(rest)
    return 1 if command == "check" and check() else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
