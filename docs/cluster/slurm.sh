#!/bin/sh
# A run of detnas on several nodes of Slurm: sbatch docs/cluster/slurm.sh CONFIG NAME
# Run again with the same NAME, it goes on with the run, also with other numbers of
# nodes or tasks.
#SBATCH --job-name=detnas
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
# A minute before the time is over rank 0 is told to stop, and writes a checkpoint.
#SBATCH --signal=TERM@60
set -eu
[ $# -eq 2 ] || { echo "usage: sbatch $0 CONFIG NAME" >&2; exit 2; }
# srun gives each process its rank; detnas reads SLURM_PROCID and the others. The
# folder runs, the config and the data are on a file system that all nodes see.
exec srun --kill-on-bad-exit=1 "${DETNAS:-detnas}" run "$1" --name "$2" --or-resume --headless
