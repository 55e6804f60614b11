"""Record telemetry of a small service under a cyclic load, once healthy and once with faults, one row a second.

    python data/record_telemetry.py normal --minutes 90 --out recording
    python data/record_telemetry.py faults --minutes 90 --out recording --gap 150 270
    python data/record_telemetry.py pack recording

The service is five processes whose work rises and falls in cycles of 40 to 120 s: one computes, one fills and frees
memory, one writes files, and a client sends requests to a server. The sampler reads what Linux counts for these
processes only, so other programs on the machine are seen only as far as they make the service wait. As root the
service gets its own loopback network and a high priority; without root the network channels stay empty.
`telemetry/README.md` says what the channels and the faults mean.
"""

import argparse
import csv
import ctypes
import fcntl
import gzip
import hashlib
import io
import json
import math
import mmap
import multiprocessing.sharedctypes
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

MB = 2**20
WORKERS = ("compute", "memory", "disk", "server", "client")
TICK = {"compute": 0.1, "memory": 0.1, "disk": 0.25, "client": 0.1}  # seconds between two rounds of work
CYCLES = {"compute": (60, 90), "memory": (120, 40), "disk": (45, 90), "client": (90, 72)}  # two periods each, seconds
WARM_UP = 3.05  # seconds until the processes have filled their memory; and no round of work ends just when we read

CHANNELS = {  # name: unit
    "cpu_user": "core", "cpu_system": "core", "cpu_compute": "core", "cpu_memory": "core", "cpu_disk": "core",
    "cpu_server": "core", "cpu_client": "core", "run_wait": "s/s", "wake_late": "ms", "heartbeats": "1/s",
    "processes": "count", "open_files": "count", "rss": "MB", "page_faults": "1/s", "switches_voluntary": "1/s",
    "switches_forced": "1/s", "read_rate": "kB/s", "write_rate": "kB/s", "fsync_time": "ms", "net_rate": "kB/s",
    "net_packets": "1/s", "requests": "1/s", "request_time": "ms",
}  # fmt: skip
LIVELY = ("cpu_compute", "cpu_server", "rss", "page_faults", "write_rate", "net_rate", "requests", "open_files")
ALIKE = ("cpu_compute+cpu_memory", "cpu_server+cpu_client", "read_rate+write_rate")  # of one unit and of alike ranges


# ---------------------------------------------------------------------------------------------- faults


@dataclass(frozen=True)
class Kind:
    """A kind of fault: how long (s) and how strong it may be, where it should show, what it may hit."""

    seconds: tuple[int, int]
    strength: tuple[float, float] = (1, 1)
    channels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("",)
    grows: bool = False  # from zero to its strength


KINDS = {
    "cpu_hog": Kind((30, 90), (0.4, 0.9), ("cpu_user", "cpu_compute")),  # fraction of a core
    "memory_leak": Kind((60, 120), (40, 140), ("rss",), grows=True),  # MB
    "page_fault_storm": Kind((20, 90), (4, 9), ("page_faults", "cpu_memory")),  # MB touched anew in a round
    "disk_flood": Kind((20, 90), (0.4, 1.0), ("write_rate", "fsync_time")),  # MB in a round
    "network_flood": Kind((20, 90), (10, 35), ("net_rate", "net_packets")),  # packets of 8 kB in a round
    "slow_requests": Kind((30, 100), (0.001, 0.003), ("request_time",)),  # seconds for each
    "growing_work": Kind((150, 240), (30, 90), ("cpu_server", "request_time"), grows=True),  # hashes for each request
    "file_leak": Kind((60, 120), (20, 80), ("open_files",), grows=True),  # files
    "stuck_cycle": Kind((60, 120), channels=("cpu_compute", "rss", "requests")),
    "dead_worker": Kind((20, 80), (1, 1), ("processes", "heartbeats"), ("compute", "memory", "disk", "client")),
    "hung_worker": Kind((20, 80), (1, 1), ("heartbeats",), WORKERS),
    "stuck_sensor": Kind((40, 120), targets=LIVELY),
    "drifting_sensor": Kind((150, 240), (0.4, 1.0), targets=LIVELY, grows=True),  # fraction of the reading
    "replayed_sensor": Kind((60, 120), (100, 250), targets=LIVELY),  # rows: it shows what it showed so long before
    "late_sensor": Kind((60, 150), (5, 20), targets=LIVELY),  # rows
    "swapped_sensors": Kind((60, 120), targets=ALIKE),
}


@dataclass(frozen=True)
class Fault:
    """One planned fault; it shows in the rows `start < second <= end`."""

    kind: str
    start: int
    end: int
    strength: float
    target: str

    def level(self, second: int) -> float:
        """Return the strength in the second that begins now; zero outside of the fault."""
        if not self.start <= second < self.end:
            return 0.0
        return self.strength * ((second + 1 - self.start) / (self.end - self.start) if KINDS[self.kind].grows else 1)

    @property
    def channels(self) -> tuple[str, ...]:
        """Where the fault should show."""
        traces = {"compute": "cpu_compute", "memory": "rss", "disk": "write_rate", "server": "requests"}
        traces |= {"client": "requests", "": ""} | {name: name for name in CHANNELS}
        hit = (traces[target] for target in self.target.split("+"))
        return tuple(filter(None, (*KINDS[self.kind].channels, *hit)))


def plan_faults(seconds: int, seed: int, gap: tuple[int, int] = (60, 170)) -> list[Fault]:
    """Plan faults that never overlap: every kind comes once before one comes again, with normal gaps between."""
    rng = random.Random(seed)
    faults: list[Fault] = []
    kinds: list[str] = []
    end = gap[1]
    while True:
        kinds = kinds or rng.sample(sorted(KINDS), len(KINDS))
        name = kinds.pop()
        kind = KINDS[name]
        start = end + rng.randint(*gap)
        end = start + rng.randint(*kind.seconds)
        if end + gap[0] > seconds:
            return faults
        faults.append(Fault(name, start, end, round(rng.uniform(*kind.strength), 4), rng.choice(kind.targets)))


def distort(
    row: dict[str, float], shown: dict[str, float], past: Sequence[dict[str, float]], fault: Fault, second: int
) -> dict[str, float]:
    """Return what broken sensors would show instead of the row.

    Args:
        row: The true values.
        shown: What the sensors showed in the row before.
        past: The true values of the rows before, the latest last.
        fault: The fault.
        second: The number of the row.
    """
    level, target = fault.level(second - 1), fault.target  # the row tells of the second that has just passed
    if not level:
        return row
    if fault.kind == "stuck_sensor":
        return row | {target: shown[target]}
    if fault.kind == "drifting_sensor":
        return row | {target: row[target] * (1 + level)}
    if fault.kind in ("replayed_sensor", "late_sensor"):
        return row | {target: past[-min(int(level), len(past))][target]}
    if fault.kind == "swapped_sensors":
        one, other = target.split("+")
        return row | {one: row[other], other: row[one]}
    return row


# ---------------------------------------------------------------------------------------------- the work


class Board(ctypes.Structure):
    """What the processes tell each other, in shared memory: totals, and the present level of each kind of fault.

    Each field has one writer, so there is no lock.
    """

    _fields_ = [
        *((name, ctypes.c_double) for name in ("born", "requests", "request_seconds", "fsyncs", "fsync_seconds")),
        *((name, ctypes.c_double * len(WORKERS)) for name in ("beats", "late")),
        *((name, ctypes.c_double) for name in KINDS),
    ]


def load(board: Board, worker: str) -> float:
    """Return how busy a worker should be now, about 0 to 1: two cycles and a little noise."""
    now = board.stuck_cycle or time.monotonic() - board.born
    slow, quick = (math.sin(2 * math.pi * now / period) for period in CYCLES[worker])
    return max(0.02, (0.5 + 0.3 * slow + 0.15 * quick) * random.gauss(1, 0.04))


def rounds(board: Board, worker: str) -> Iterator[float]:
    """Yield the load once per tick, and note the heartbeat and how late the timer woke us."""
    number, due = WORKERS.index(worker), time.monotonic()
    while True:
        due = max(due + TICK[worker], time.monotonic() - 1)  # after a long stop, do not catch up on everything
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
            board.late[number] += time.monotonic() - due
            board.beats[number] += 1
        yield load(board, worker)


def compute(board: Board, inbox: socket.socket, folder: Path) -> None:
    """Hash in bursts; as a hog, go on through most of the round, but at an ordinary priority."""
    block = bytes(16384)
    for level in rounds(board, "compute"):
        prioritise(0 if board.cpu_hog else 1)
        for _ in range(int(700 * level)):
            hashlib.sha256(block)
        end = time.monotonic() + board.cpu_hog * TICK["compute"]
        while board.cpu_hog and time.monotonic() < end:
            hashlib.sha256(block)


def memory(board: Board, inbox: socket.socket, folder: Path) -> None:
    """Hold as many MB as the load says, and renew one or two of them each round."""
    held: list[mmap.mmap] = []
    leaked: list[mmap.mmap] = []
    for level in rounds(board, "memory"):
        resize(held, int(10 + 60 * level), lambda: pages(1))
        resize(leaked, int(board.memory_leak), lambda: pages(1))
        held.append(pages(1 + level))
        held.pop(0)
        if board.page_fault_storm:
            pages(board.page_fault_storm).close()


def disk(board: Board, inbox: socket.socket, folder: Path) -> None:
    """Write a file, wait until it is stored, and read from another as much as the client's load asks for."""
    path, archive = folder / "journal", folder / "archive"
    archive.write_bytes(bytes(MB))
    for level in rounds(board, "disk"):
        size = int(level * 100_000 + board.disk_flood * MB)
        with path.open("wb") as file:
            file.write(os.urandom(4096) * (size // 4096 + 1))
            file.flush()
            start = time.monotonic()
            os.fsync(file.fileno())
            board.fsync_seconds += time.monotonic() - start
            board.fsyncs += 1
        with archive.open("rb", buffering=0) as file:
            file.read(int(200_000 * load(board, "client")))


def server(board: Board, inbox: socket.socket, folder: Path) -> None:
    """Answer each request with a hash of what it brought."""
    leaked: list[socket.socket] = []
    while True:
        request, sender = inbox.recvfrom(65536)
        for _ in range(8 + int(board.growing_work)):
            digest = hashlib.sha256(request).digest()
        resize(leaked, int(board.file_leak), inbox.dup)
        if board.slow_requests:
            time.sleep(board.slow_requests)
        inbox.sendto(digest * 16, sender)


def client(board: Board, inbox: socket.socket, folder: Path) -> None:
    """Send requests, one after another, from a number of sockets that follows the load."""
    sink = udp_socket()
    sockets: list[socket.socket] = []
    for level in rounds(board, "client"):
        resize(sockets, int(2 + 10 * level), udp_socket)
        for number in range(int(4 + 16 * level)):
            start = time.monotonic()
            try:
                sockets[number % len(sockets)].sendto(bytes(500 + int(2000 * level)), inbox.getsockname())
                sockets[number % len(sockets)].recv(65536)
            except TimeoutError:
                sockets.clear()  # so that a late answer is never taken for the next one
                break
            board.request_seconds += time.monotonic() - start
            board.requests += 1
        for _ in range(int(board.network_flood)):
            sink.sendto(bytes(8192), sink.getsockname())
            sink.recv(8192)


WORK = {"compute": compute, "memory": memory, "disk": disk, "server": server, "client": client}


def resize(things: list, size: int, make: Callable[[], object]) -> None:
    """Add new things at the end or drop the oldest until there are as many as wanted."""
    while len(things) < size:
        things.append(make())
    del things[: len(things) - size]


def pages(megabytes: float) -> mmap.mmap:
    """Return fresh private memory of which every page was touched."""
    fresh = mmap.mmap(-1, int(megabytes * MB), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    fresh[:: mmap.PAGESIZE] = b"1" * len(range(0, len(fresh), mmap.PAGESIZE))
    return fresh


def udp_socket() -> socket.socket:
    """Return a loopback socket on a free port that waits at most half a second."""
    fresh = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fresh.bind(("127.0.0.1", 0))
    fresh.settimeout(0.5)
    return fresh


def prioritise(level: int) -> None:
    """Ask to run before all ordinary programs (level > 0), so that they do not disturb; needs root."""
    with suppress(PermissionError):
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK if level else os.SCHED_OTHER
        os.sched_setscheduler(0, policy, os.sched_param(level))


# ---------------------------------------------------------------------------------------------- the service


class Service:
    """The five processes, in their own network if that is allowed; none of them outlives the recorder."""

    def __init__(self) -> None:
        self.isolated = own_network()
        self.folder = tempfile.TemporaryDirectory(prefix="telemetry-")
        self.board = multiprocessing.sharedctypes.RawValue(Board)
        self.board.born = time.monotonic()
        self.inbox = udp_socket()
        self.inbox.settimeout(None)
        self.processes: dict[str, multiprocessing.Process] = {}
        for worker in WORKERS:
            self.start(worker)

    def start(self, worker: str) -> None:
        """Start a worker."""
        process = multiprocessing.get_context("fork").Process(target=self.run, args=(worker, os.getpid()), daemon=True)
        process.start()
        self.processes[worker] = process

    def run(self, worker: str, recorder: int) -> None:
        """Be a worker until killed."""
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the recorder, however it ends
        if os.getppid() != recorder:
            return
        os.closerange(3, self.inbox.fileno())  # a restarted worker would inherit other files than the first one
        os.closerange(self.inbox.fileno() + 1, 4096)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the recorder hears it too, and kills us
        prioritise(1)
        WORK[worker](self.board, self.inbox, Path(self.folder.name))

    def stop(self, worker: str) -> None:
        """Kill a worker and wait until it is gone."""
        process = self.processes.pop(worker)
        process.kill()
        process.join()

    def close(self) -> None:
        """Kill all workers and remove their files."""
        for worker in list(self.processes):
            self.stop(worker)
        self.inbox.close()
        self.folder.cleanup()

    def apply(self, fault: Fault, second: int) -> None:
        """Bring the service into the state that the fault asks for in the second that begins now."""
        level, starts, ends = fault.level(second), second == fault.start, second == fault.end
        if fault.kind == "dead_worker" and (starts or ends):
            self.stop(fault.target) if starts else self.start(fault.target)
        elif fault.kind == "hung_worker" and (starts or ends):
            os.kill(self.processes[fault.target].pid, signal.SIGSTOP if starts else signal.SIGCONT)
        elif fault.kind == "stuck_cycle" and level:
            level = self.board.stuck_cycle or time.monotonic() - self.board.born
        setattr(self.board, fault.kind, level)


def own_network() -> bool:
    """Move into a network of our own in which only the loopback exists; say whether that was allowed."""
    clone_newnet, get_flags, set_flags, up = 0x40000000, 0x8913, 0x8914, 1  # from linux/sched.h, sockios.h and if.h
    if ctypes.CDLL(None).unshare(clone_newnet):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, get_flags, struct.pack("16sh14x", b"lo", 0))
        fcntl.ioctl(control, set_flags, struct.pack("16sh14x", b"lo", struct.unpack("16sh14x", request)[1] | up))
    return True


# ---------------------------------------------------------------------------------------------- the sampler


@dataclass(frozen=True)
class Reading:
    """All totals up to a moment, by process (0: the whole service) and name, and the sizes at that moment."""

    moment: float
    totals: dict[tuple[int, str], float]
    sizes: dict[str, float]


def take_reading(service: Service) -> Reading:
    """Read everything now; a process that has just gone is left out."""
    board = service.board
    totals = {(0, name): getattr(board, name) for name in ("requests", "request_seconds", "fsyncs", "fsync_seconds")}
    totals |= {(0, "heartbeats"): sum(board.beats), (0, "late"): sum(board.late)}
    totals[0, "net_rate"], totals[0, "net_packets"] = read_loopback() if service.isolated else (math.nan, math.nan)
    sizes = Counter({"processes": 0, "open_files": 0, "rss": 0.0})
    for worker, process in service.processes.items():
        pid, proc = process.pid, Path(f"/proc/{process.pid}")
        with suppress(FileNotFoundError, ProcessLookupError):
            pages_held = int((proc / "statm").read_text().split()[1])
            files = len(list((proc / "fd").iterdir()))
            sizes.update(processes=1, open_files=files, rss=pages_held * mmap.PAGESIZE / MB)
            totals |= {(pid, name): total for name, total in read_process(proc).items()}
            totals[pid, f"cpu_{worker}"] = time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) finds it
    return Reading(time.monotonic(), totals, dict(sizes))


def read_process(proc: Path) -> dict[str, float]:
    """Return what the kernel has counted for a process since its start, see proc(5)."""
    stat = (proc / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    files = dict(line.split(": ") for line in (proc / "io").read_text().splitlines())
    return {
        "cpu_user": int(stat[11]) / os.sysconf("SC_CLK_TCK"),
        "cpu_system": int(stat[12]) / os.sysconf("SC_CLK_TCK"),
        "run_wait": int((proc / "schedstat").read_text().split()[1]) / 1e9,
        "page_faults": int(stat[7]),
        "switches_voluntary": int(status["voluntary_ctxt_switches"]),
        "switches_forced": int(status["nonvoluntary_ctxt_switches"]),
        "read_rate": int(files["rchar"]) / 1e3,
        "write_rate": int(files["wchar"]) / 1e3,
    }


def read_loopback() -> tuple[float, float]:
    """Return the kB and the packets that our loopback has carried."""
    line = next(line for line in Path("/proc/self/net/dev").read_text().splitlines() if "lo:" in line)
    received = line.partition(":")[2].split()
    return int(received[0]) / 1e3, int(received[1])


def row_between(before: Reading, now: Reading) -> dict[str, float]:
    """Return one value per channel for the time between two readings."""
    grown: Counter[str] = Counter()
    for key, total in now.totals.items():
        grown[key[1]] += total - before.totals.get(key, 0.0)
    rates = {name: grown[name] / (now.moment - before.moment) for name in CHANNELS}
    means = {
        "wake_late": mean_ms(grown["late"], grown["heartbeats"]),
        "fsync_time": mean_ms(grown["fsync_seconds"], grown["fsyncs"]),
        "request_time": mean_ms(grown["request_seconds"], grown["requests"]),
    }
    return rates | now.sizes | means


def mean_ms(seconds: float, count: float) -> float:
    """Return milliseconds per event, NaN without events."""
    return 1000 * seconds / count if count else math.nan


def sample(service: Service, seconds: int, faults: list[Fault]) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield a row a second, as numbered, while the faults come and go."""
    begin, before, shown = time.monotonic(), take_reading(service), dict.fromkeys(CHANNELS, math.nan)
    past = deque([shown], maxlen=int(KINDS["replayed_sensor"].strength[1]))
    for second in range(1, seconds + 1):
        for fault in faults:
            if fault.start <= second - 1 <= fault.end:
                service.apply(fault, second - 1)
        time.sleep(max(0.0, begin + second - time.monotonic()))
        if time.monotonic() - begin - second > 0.5:
            continue  # too late for an honest row: it is missing, and the next one tells of a longer time
        now = take_reading(service)
        true = row = row_between(before, now)
        for fault in faults:
            row = distort(row, shown, past, fault, second)
        yield second, row
        before, shown = now, row
        past.append(true)


# ---------------------------------------------------------------------------------------------- files


def record(part: str, seconds: int, out: Path, faults: list[Fault]) -> None:
    """Write `PART.csv`, complete up to the last second at any moment, and the plan of the faults."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{part}.csv").open("x", newline="") as file, closing(Service()) as service:
        (out / f"{part}.json").write_text(json.dumps([asdict(fault) for fault in faults], indent=1))
        prioritise(2)
        table = csv.DictWriter(file, ["time", "second", *CHANNELS], restval="")
        table.writeheader()
        time.sleep(WARM_UP)
        for second, row in sample(service, seconds, faults):
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            shown = {name: f"{value:.6g}" for name, value in row.items() if not math.isnan(value)}
            table.writerow({"time": stamp, "second": second} | shown)
            file.flush()


def pack(recording: Path, out: Path) -> None:
    """Write what is shipped: both tables, with units in their headers, and the labels of the faults."""
    for part in ("normal", "faults"):
        rows = read_rows(recording / f"{part}.csv")
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["time", *(f"{name} [{unit}]" for name, unit in CHANNELS.items())])
        table.writerows([row["time"], *(row[name] for name in CHANNELS)] for row in rows)
        (out / f"{part}.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    labels = []
    for fault in (Fault(**settings) for settings in json.loads((recording / "faults.json").read_text())):
        end = fault.end + fault.kind.endswith("worker")  # who comes back has a second's work to catch up on
        times = [row["time"] for row in rows if fault.start < int(row["second"]) <= end]
        label = {"kind": fault.kind, "start": times[0], "end": times[-1], "target": fault.target}
        labels.append(label | {"strength": fault.strength, "channels": fault.channels})
    (out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Record one part or pack both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for part in ("normal", "faults"):
        command = commands.add_parser(part, help=f"record {part}.csv")
        command.add_argument("--minutes", type=float, default=60)
        command.add_argument("--out", type=Path, required=True, help="folder of the recording")
    command.add_argument("--seed", type=int, default=0, help="of the plan of the faults")
    gap = {"nargs": 2, "type": int, "metavar": ("LEAST", "MOST"), "default": (60, 170)}
    command.add_argument("--gap", **gap, help="seconds without a fault between two of them")
    command = commands.add_parser("pack", help="make the shipped files")
    command.add_argument("recording", type=Path, help="folder with both parts")
    command.add_argument("--out", type=Path, default=Path(__file__).parent / "telemetry")
    arguments = parser.parse_args()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("stopped; the rows so far are complete"))
    try:
        if arguments.command == "pack":
            pack(arguments.recording, arguments.out)
        else:
            seconds = int(arguments.minutes * 60)
            is_healthy = arguments.command == "normal"
            faults = [] if is_healthy else plan_faults(seconds, arguments.seed, tuple(arguments.gap))
            record(arguments.command, seconds, arguments.out, faults)
    except FileExistsError as error:
        parser.error(f"{error.filename} exists and is not overwritten. Give another folder to --out.")
    except FileNotFoundError as error:
        parser.error(f"{error.filename} is missing. Record both parts, normal and faults, into one folder first.")


if __name__ == "__main__":
    main()
