"""A real Slurm with one node, on this machine: munged, slurmctld and slurmd with files and ports of their own."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

from plughub.testing.conditions import wait_for
from plughub.testing.ports import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sudo")
CONFIG = """
ClusterName=plughub
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
PlugStackConfig={folder}/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/linear
SchedulerType=sched/builtin
MailProg=/bin/true
MpiDefault=none
ReturnToService=2
KillWait=2
MessageTimeout=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"""


class SlurmCluster:
    """Daemons of a cluster, which a ``with`` block starts and ends.

    Attributes:
        folder: files of the cluster, which every system user may enter.
        environment: variables that the commands of Slurm need.
    """

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="plughub-slurm-"))
        self.folder.chmod(0o755)
        self.environment = {"PATH": os.environ["PATH"], "SLURM_CONF": str(self.folder / "slurm.conf")}
        self._daemons = {}

    def __enter__(self):
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o600)
        (self.folder / "plugstack.conf").touch()
        config = CONFIG.format(folder=self.folder, controller=free_port(), node=free_port())
        (self.folder / "slurm.conf").write_text(config)
        try:
            files = ("socket", "pid-file", "log-file", "seed-file")
            options = [f"--{name}={self.folder}/munge.{name.removesuffix('-file')}" for name in files]
            self._run("munged", "--foreground", "--force", f"--key-file={key}", *options)
            wait_for((self.folder / "munge.socket").exists)
            self.start_controller()
            self._run("slurmd", "-D", "-N", "localhost")
            wait_for(lambda: self("sinfo", "--noheader", "--format=%T") == "idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ("slurmctld", "slurmd", "munged"):
            self._end(name)
        for process in psutil.process_iter():  # job steps are no children of slurmd
            try:
                if process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                    process.kill()
            except psutil.Error:
                continue
        shutil.rmtree(self.folder)

    def __call__(self, *command):
        """Run a command of Slurm, and return its output; empty if it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return "" if done.returncode else done.stdout.strip()

    def start_controller(self):
        """Start slurmctld, and wait until it answers."""
        self._run("slurmctld", "-D")
        wait_for(lambda: self("scontrol", "ping").endswith("is UP"))

    def stop_controller(self):
        """Stop slurmctld: jobs continue, and commands of Slurm get no answer."""
        self._end("slurmctld")

    def jobs(self, user):
        """Return the ids and states of the jobs of a user that have not ended."""
        lines = self("squeue", "--noheader", f"--user={user}", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def wait_for_job(self, user, state):
        """Wait until a job of a user has a state, and return its id."""
        return wait_for(lambda: [key for key, now in self.jobs(user).items() if now == state])[0]

    def _run(self, program, *options):
        with (self.folder / f"{program}.log").open("ab") as log:
            self._daemons[program] = subprocess.Popen(
                [shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"), *options],
                env=self.environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def _end(self, program):
        if daemon := self._daemons.pop(program, None):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
