"""Tests ../../jsr/devices/launchers.py: by the variables that launchers document, and with the real mpirun."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jsr.devices import launchers
from jsr.devices.launchers import Place
from jsr.errors import ConfigError

ROOT = Path(__file__).parents[2]
SLURM = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_NTASKS": "8"}
OMPI = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}


@pytest.fixture
def place(monkeypatch):
    """Reads the place from variables, and no others."""

    def read(**variables):
        for name in list(os.environ):
            if name.startswith(("JSR_PROC", "OMPI_", "SLURM_", "CUDA_VISIBLE")):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return launchers.place()

    return read


def test_place_without_a_launcher_is_the_first_of_one(place):
    assert place() == Place(0, 1)
    assert place(JSR_PROCESSES="1") == Place(0, 1)
    # A script under sbatch: one process, whatever the job has.
    assert place(SLURM_JOB_ID="1", SLURM_NTASKS="8", SLURM_PROCID="0", SLURM_LOCALID="0") == Place(0, 1)


def test_place_of_each_launcher(place):
    assert place(JSR_PROCESSES="3", JSR_PROCESS="2") == Place(2, 3)
    assert place(**SLURM) == Place(5, 8)
    assert place(**OMPI) == Place(3, 4)
    assert place(**OMPI, **SLURM) == Place(3, 4)  # mpirun starts its helpers by srun
    assert str(place(**OMPI)) == "process 3 of 4"


@pytest.mark.parametrize(
    "tasks, visible, gpu",
    [
        ("1(x8)", "0,1,2,3,4,5,6,7", None),  # one process a host has all of them
        ("4(x2)", "0,1,2,3", 1),  # four see the same four
        ("4(x2)", "2", None),  # each sees its own
        ("4(x2)", None, 1),
        ("1(x2),2(x3)", None, 1),
        ("16", "0,1", None),
    ],
)
def test_place_has_a_gpu_of_its_own_where_several_processes_see_the_same(place, tasks, visible, gpu):
    variables = {"CUDA_VISIBLE_DEVICES": visible} if visible else {}
    assert place(**SLURM, SLURM_STEP_TASKS_PER_NODE=tasks, **variables) == Place(5, 8, gpu)


@pytest.mark.parametrize(
    "variables, message",
    [
        ({"JSR_PROCESSES": "2"}, "JSR_PROCESS: expected a number, 0 to 1, in the environment, got nothing"),
        ({"JSR_PROCESSES": "2", "JSR_PROCESS": "2"}, "JSR_PROCESS: expected a number, 0 to 1, .* got 2"),
        ({"JSR_PROCESSES": "two"}, "JSR_PROCESSES: expected a number, 1 or more, .* got two"),
    ],
)
def test_place_names_the_variable_that_is_wrong(place, variables, message):
    with pytest.raises(ConfigError, match=message):
        place(**variables)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mpirun"), reason="needs mpirun, as of Debian's package openmpi-bin")
def test_mpirun_is_detected(tmp_path):
    """The processes join, and add up over all of their devices."""
    command = ["mpirun", "-n", "2", sys.executable, "-m", "tests.devices.hosts_process", '{"mode": "sum"}']
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "JSR_PROC"))}
    environment |= {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # as in a container
    environment |= {"OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_btl": "self"}
    environment |= {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert result.returncode == 0, result.stderr
    assert "the sum of ones is 4" in result.stdout and result.stdout.count("the sum") == 1
