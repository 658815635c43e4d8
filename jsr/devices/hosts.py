"""Several processes that train together, on one host or many: they start, agree, watch each other and end as one.

JAX's runtime connects them, and its key-value service carries all of this; no collective of the devices takes part, so
that a process may wait here for hours. The first process runs the service and writes files; all others are silent. With
one process, nothing here does anything. This is the only file that uses `jax.distributed`.
"""

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import jax

from jsr.devices import launchers, memory, relay, watchdog
from jsr.devices.launchers import Place
from jsr.devices.watchdog import FAILED, FINISHED, Watchdog
from jsr.errors import ConfigError

VISIBLE = 60.0  # seconds until all hosts see a new file: NFS may remember for so long that there was none
WAIT = 7 * 24 * 3600  # seconds to wait for processes that are alive, as during a download

_place = Place()


@contextlib.contextmanager
def joined(program: str) -> Iterator[None]:
    """Joins the processes that a launcher started, for the time of the block; where one fails, all end.

    If the block raises, `SystemExit` included, this process ends at once: a normal end would wait for the others.

    Args:
      program: the name before error messages.
    """
    global _place
    try:
        place = launchers.place()
        guard = Watchdog(program, place)
        if place.count > 1:
            _connect(place, guard)
    except ConfigError as error:
        sys.exit(f"{program}: error: {error}")
    if place.count == 1:
        yield
        return
    _place = place
    guard.start(_client())
    status: Any = 0
    try:
        with contextlib.nullcontext() if place.is_first else _silent():
            yield
    except SystemExit as error:
        status = error.code
    except BaseException as error:
        blame(error)
        traceback.print_exc()
        status = 1
    guard.set_end(FAILED if status else FINISHED)
    if status:
        if place.is_first:
            time.sleep(2 * watchdog.BEAT)  # so that the others hear it before the service is gone
        _exit(status if isinstance(status, int) else 1)
    barrier(FINISHED)
    guard.stop()


def keep_to_gpu(place: Place) -> None:
    """Keeps a process that does not join others to its GPU, before JAX looks for any."""
    if place.gpu is not None:
        jax.config.update("jax_cuda_visible_devices", str(place.gpu))


def is_first() -> bool:
    """Returns whether this process is the first, which writes files for all."""
    return _place.is_first


def prefix() -> str:
    """Returns "process 1 of 4 on node7: ", to begin an error message with, or nothing for a single process."""
    return f"{_place} on {socket.gethostname()}: " if _place.count > 1 else ""


def barrier(name: str) -> None:
    """Waits until all processes are here. A name is used once."""
    if _place.count > 1:
        _client().wait_at_barrier(f"jsr/{name}", 1000 * WAIT)


@contextlib.contextmanager
def first_ahead(name: str) -> Iterator[None]:
    """Runs the block in the first process, and then in the others, which find what that one has put into caches."""
    if not is_first():
        barrier(name)
    yield
    if is_first():
        barrier(name)


def of_first(name: str, value: str) -> str:
    """Returns the value that the first process has. A name is used once."""
    if _place.count == 1:
        return value
    if is_first():
        _client().key_value_set(f"jsr/{name}", value)
    return _client().blocking_key_value_get(f"jsr/{name}", 1000 * WAIT)


def agree(facts: dict[str, Any]) -> None:
    """Checks that all processes have the same facts: values of JSON by their names.

    Raises:
      ConfigError: this process differs from the first; the message names what differs.
    """
    first = json.loads(of_first("facts", json.dumps(facts)))
    differing = [
        f"{name} {value} here, {first.get(name)} there" for name, value in facts.items() if value != first.get(name)
    ]
    if differing:
        advice = "start all with one command, data and version"
        raise ConfigError(f"expected the same as in process 0, got {', '.join(differing)}; {advice}")
    barrier("agreed")


def check_shared(folder: Path) -> None:
    """Makes a folder, if there are several processes, and checks that all of them see the same one.

    Raises:
      ConfigError: this process does not see what the first one writes.
      OSError: the first one cannot write there.
    """
    if _place.count == 1:
        return
    name = of_first("file", f".jsr-{uuid.uuid4().hex[:8]}.part")  # a name that `atomic.sweep` removes if we are killed
    if is_first():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    barrier("file written")
    end = time.monotonic() + VISIBLE
    # By a list of the folder, because clients of a file server ask for it anew sooner than for a single name.
    while not (folder.is_dir() and name in os.listdir(folder)):
        if time.monotonic() > end:
            raise ConfigError(f"{folder}: expected a folder that all hosts share, got one that process 0 does not see")
        time.sleep(0.1)
    barrier("file seen")
    if is_first():
        (folder / name).unlink()


def blame(error: BaseException) -> None:
    """Waits, where an error may come from the end of another process, until the watchdog names that process.

    The watchdog then ends this one; this returns only where all others are alive.
    """
    is_remote = any(isinstance(cause, jax.errors.JaxRuntimeError) for cause in _causes(error))
    if _place.count > 1 and is_remote and not memory.is_exhausted(error):
        time.sleep(watchdog.PATIENCE + 2 * watchdog.BEAT)


def _connect(place: Place, guard: Watchdog) -> None:
    """Connects this process with the others.

    Raises:
      ConfigError: the address of the first one is unknown, or not all come.
    """
    from jax._src.clusters import ClusterEnv  # knows the addresses of Slurm and Open MPI

    # This service would take SIGTERM away from the training loop.
    jax.config.update("jax_enable_preemption_service", False)
    gpus = [] if place.gpu is None else [place.gpu]  # an empty list means all that are visible; None would mean one
    address = os.environ.get("JAX_COORDINATOR_ADDRESS")
    if not address:
        address, *_ = ClusterEnv.auto_detect_unset_distributed_params(None, place.count, place.index, gpus, None, None)
    if not address or not re.fullmatch(r".+:\d+", address):
        raise ConfigError(f"JAX_COORDINATOR_ADDRESS: expected HOST:PORT of process 0, got {address or 'nothing'}")
    if not place.is_first:
        address = relay.start(address, guard.report_loss)
    timer = threading.Timer(watchdog.START, guard.report_absence)  # JAX would abort in C++
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            address,
            place.count,
            place.index,
            gpus,
            cluster_detection_method="deactivate",
            initialization_timeout=int(watchdog.START) + 60,
            shutdown_timeout_seconds=10,
        )
    except jax.errors.JaxRuntimeError as error:
        reason = next(iter(str(error).splitlines()), "no answer")
        raise ConfigError(f"{place}: expected {place.count} processes that reach each other, got {reason}") from error
    finally:
        timer.cancel()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Drops the standard output, of which the first process has the same."""
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        yield


def _exit(status: int) -> NoReturn:
    """Ends this process without waiting for the others."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _client() -> Any:
    from jax._src import distributed  # has no public name

    return distributed.global_state.client


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
