"""The kernel is built, kept and loaded, whatever compilers, folders and other processes do; or torch computes."""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import torch

import seqae
from seqae import Batch
from seqae.modules import native
from seqae.modules.native import build, cache, compiler

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners of files")
needs_compiler = pytest.mark.skipif(build.load_kernel() is None, reason=native.native_status())
VERSION = '[ "$1" = --version ] && echo 1.0 && exit; '
FIND_OUTPUT = 'while [ "$1" != -o ]; do shift; done; '


@pytest.fixture
def fresh(monkeypatch, tmp_path) -> Path:
    """An empty cache, and nothing built in this process; the folder that the kernel goes into."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("SEQAE_NATIVE", raising=False)
    monkeypatch.setattr(build, "compile_flags", lambda: ("-O2", "-fPIC", "-shared"))
    build._built.cache_clear()
    yield tmp_path / "home" / "seqae"
    build._built.cache_clear()


@pytest.fixture
def compile_by(monkeypatch, tmp_path):
    """Writes a compiler that does what a shell script says, and makes it the only one."""

    def make(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "c++").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "c++").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if "sleep" in script else str(folder))

    return make


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """The library that the compiler of this machine makes, as it is kept."""
    path = tmp_path_factory.mktemp("built") / "recurrence.so"
    shutil.copyfile(native.native_status().split("(")[1].split(".so")[0] + ".so", path)
    return path


@pytest.fixture
def copying(compile_by, library, tmp_path):
    """A compiler that is quick: it copies, and counts how often."""
    (tmp_path / "bare.so").write_bytes(library.read_bytes()[: -cache._DIGEST_BYTES])
    compile_by(f'{VERSION}{FIND_OUTPUT}/bin/cp "{tmp_path / "bare.so"}" "$2"; echo x >> "{tmp_path / "count"}"')
    return lambda: len((tmp_path / "count").read_text().split())


def load_again():
    build._built.cache_clear()
    return build.load_kernel()


def test_without_a_compiler_torch_computes(fresh, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert build.load_kernel() is None
    assert "no compiler (c++, g++, clang++). Install one" in native.native_status()
    assert seqae.LSTM(3, 8)(Batch.full(torch.randn(4, 6, 3))).values.shape == (4, 6, 8)


@needs_compiler
def test_without_its_source_torch_computes(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "_SOURCE", tmp_path / "absent.cpp")
    assert "not in use: [Errno 2] No such file" in native.native_status()
    assert build._built(tmp_path / "absent.cpp")[0] is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('echo "error: no such flag" >&2; exit 1', "c++ failed: error: no such flag"),
        (r"printf '\377\033[31mZ\303\244hler\nmore' >&2; exit 1", "c++ failed: \ufffd?[31mZ\u00e4hler"),
        ("exit 1", "c++ failed: no message"),
        ("kill -9 $$", "c++ failed: no message"),
        ("exit 0", "c++ reports success, but has written no library. Reinstall it"),
        (FIND_OUTPUT + 'echo nonsense > "$2"', "c++ reports success, but has written no library. Reinstall it"),
    ],
    ids=["failing", "other letters", "silent", "killed", "without a file", "nonsense"],
)
def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(fresh, compile_by, script, message):
    compile_by(VERSION + script)
    assert build.load_kernel() is None
    assert native.native_status().endswith(message)
    assert not list(fresh.iterdir()) and fresh.stat().st_mode & 0o777 == 0o700


def test_a_compiler_that_can_not_be_run_is_named(fresh, compile_by, tmp_path):
    compile_by("")
    (tmp_path / "bin" / "c++").write_text("#!/no/such/shell\n")
    assert build.load_kernel() is None and "c++ can't be run: No such file" in native.native_status()


@pytest.mark.parametrize("script", ["", VERSION], ids=["version", "library"])
def test_a_compiler_that_hangs_is_ended_with_all_that_it_has_started(fresh, compile_by, monkeypatch, script, tmp_path):
    begun = tmp_path / "process"
    compile_by(f"{script}sleep 1000 & echo $! > {begun}; wait")
    seconds = 0.25
    while not (begun.exists() and begun.read_text().endswith("\n")):  # where all is slow, it has more time to begin
        seconds *= 2
        monkeypatch.setattr(compiler, "_SECONDS", seconds)
        assert load_again() is None
    assert f"c++ took more than {seconds} seconds" in native.native_status()
    state = Path("/proc", begun.read_text().strip(), "stat")
    end = time.monotonic() + 300
    with suppress(FileNotFoundError, ProcessLookupError):
        while state.read_text().split()[2] != "Z":  # a zombie, where nobody waits for orphans
            assert time.monotonic() < end, "what the compiler has started runs on"
            time.sleep(0.05)


@needs_compiler
def test_a_header_of_a_header_that_changes_makes_another_kernel(tmp_path):
    source, header, compiled_by = tmp_path / "a.cpp", tmp_path / "c.hpp", compiler.find_compiler()
    source.write_text('#include "b.hpp"\n')
    (tmp_path / "b.hpp").write_text('#include "c.hpp"\n')
    names = []
    for text in ("int one;", "int two;", "int one;"):
        header.write_text(text)
        names.append(build._digest(compiled_by, (), source))
    assert names[0] == names[2] != names[1]


@needs_compiler
def test_a_damaged_file_is_built_again(fresh, copying):
    assert build.load_kernel() is not None
    (file,) = fresh.iterdir()
    assert native.native_status() == f"in use ({file})"
    assert load_again() is not None and copying() == 1  # whole: kept
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    damages = [whole[:1000], b"", bytes(changed), whole + b"x", whole[:-1] + bytes([whole[-1] ^ 1])]
    for count, damaged in enumerate(damages, start=2):
        file.unlink()  # the process has the old one loaded
        file.write_bytes(damaged)
        file.chmod(0o700)
        assert load_again() is not None and copying() == count and file.read_bytes() == whole


@needs_compiler
def test_a_file_that_others_could_have_written_is_built_again(fresh, copying):
    assert build.load_kernel() is not None
    (file,) = fresh.iterdir()
    file.chmod(0o722)
    assert load_again() is not None and copying() == 2 and file.stat().st_mode & 0o777 == 0o700


@needs_compiler
def test_a_cache_that_is_not_safe_gives_way_to_a_temporary_folder(fresh, copying, tmp_path):
    fresh.mkdir(mode=0o700)
    fresh.chmod(0o777)
    assert build.load_kernel() is not None
    refused = f"{fresh} belongs to another user, or others may write it. Delete it, or chmod go-w"
    folder = tmp_path / "temporary" / f"seqae-{os.geteuid()}"
    (file,) = folder.iterdir()
    assert native.native_status() == f"in use ({file}); {refused}"
    fresh.chmod(0o700)
    fresh.parent.chmod(0o777)
    assert load_again() is not None and copying() == 1
    assert f"anyone may exchange {fresh}, since all may write {fresh.parent}. chmod o-w" in native.native_status()
    fresh.parent.chmod(0o1777)  # as /tmp is
    assert load_again() is not None and native.native_status() == f"in use ({fresh / file.name})"


@needs_compiler
def test_without_any_safe_folder_torch_computes(fresh, copying, tmp_path):
    (tmp_path / "temporary").chmod(0o777)
    fresh.parent.chmod(0o777)
    assert build.load_kernel() is None
    assert native.native_status().count("anyone may exchange") == 2


@needs_compiler
def test_a_link_in_place_of_the_folder_is_not_followed(fresh, copying, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    fresh.symlink_to(tmp_path / "elsewhere")
    assert build.load_kernel() is not None and not list((tmp_path / "elsewhere").iterdir())


@needs_compiler
@pytest.mark.parametrize("problem", ["Read-only file system", "failed to map segment from shared object"])
def test_a_cache_that_can_not_be_used_gives_way_to_a_temporary_folder(fresh, copying, monkeypatch, problem, tmp_path):
    owner, name = (cache.tempfile, "mkdtemp") if problem.startswith("Read") else (build.ctypes, "CDLL")
    real = getattr(owner, name)

    def refuse(*arguments):
        if any(str(fresh) in str(argument) for argument in arguments):
            raise OSError(problem)
        return real(*arguments)

    monkeypatch.setattr(owner, name, refuse)
    assert build.load_kernel() is not None
    assert f"in use ({tmp_path / 'temporary'}" in native.native_status()
    assert native.native_status().endswith(problem) and not list(fresh.iterdir())


@needs_compiler
def test_what_killed_builds_have_left_is_deleted_by_the_next(fresh, compile_by, copying, tmp_path):
    script = (tmp_path / "bin" / "c++").read_text()
    begun = tmp_path / "begun"
    compile_by(f"{VERSION}echo $$ > {begun}; exec sleep 1000")
    process = os.fork()
    if not process:
        build.load_kernel()
        os._exit(0)
    while not (begun.exists() and begun.read_text().endswith("\n")):
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.kill(int(begun.read_text()), signal.SIGKILL)
    assert [path.name[:10] for path in fresh.iterdir()] == [".building-"]
    (tmp_path / "bin" / "c++").write_text(script)
    assert build.load_kernel() is not None
    assert [path.suffix for path in fresh.iterdir()] == [".so"]


@needs_compiler
def test_two_that_build_at_once_build_once(fresh, copying):
    found = []
    threads = [Thread(target=lambda: found.append(build._built(build._SOURCE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(kernel is not None for kernel, _ in found) and copying() == 1


def test_another_build_is_not_waited_for_for_good(fresh, monkeypatch):
    monkeypatch.setattr(cache, "_WAIT_SECONDS", 0.2)
    folder = cache.cache_folder()
    with (
        cache.building_folder(folder),
        pytest.raises(cache.FolderError, match=r"another process builds in .* for over 0.2 seconds"),
        cache.building_folder(folder),
    ):
        pass


def test_a_processor_without_the_instructions_loads_nothing_from_a_shared_home(fresh, monkeypatch):
    monkeypatch.undo()  # of the check
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    build._built.cache_clear()
    assert build.load_kernel() is None
    assert native.native_status() == "not in use: the processor lacks AVX2 and FMA instructions"


@pytest.mark.parametrize("capability", build._X86_FLAGS)
def test_machines_that_share_a_home_run_what_one_of_them_has_built(fresh, monkeypatch, capability):
    monkeypatch.undo()
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    flags = build.compile_flags()
    assert "-mavx2" in flags and ("-mavx512f" in flags) == (capability == "AVX512")
    assert "-march=native" not in flags
    monkeypatch.setattr(build.platform, "machine", lambda: "aarch64")
    assert not any(flag.startswith("-m") for flag in build.compile_flags())
    monkeypatch.setattr(build.platform, "machine", lambda: "riscv64")
    with pytest.raises(build.UnavailableError, match="64-bit ARM, this is Linux on riscv64"):
        build.compile_flags()
