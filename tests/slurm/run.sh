#!/bin/bash
# Sweeps through a real Slurm of one node: two cells at a time, a job that is cancelled, one that is preempted,
# a controller and a node that die.
#
#   PYTHON=.venv/bin/python tests/slurm/run.sh [FOLDER]     (as root, in a throw-away container; some 5 minutes where the cores are free)
#
# Generated images, four small cells. Every sweep must end with the files of the basic launcher's. Prints one line
# a check; the exit code is the number of those that failed.
set -uo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
PYTHON=$(realpath -s "${PYTHON:-$HERE/../../.venv/bin/python}")
WORK=$(realpath -m "${1:-$(mktemp -d)}")
export PYTHONPATH=$HERE/../.. OMP_NUM_THREADS=1
[ -z "$(squeue --noheader 2>/dev/null)" ] ||
    { echo "run.sh: there are jobs in the queue, and it would take the node from under them; see squeue" >&2; exit 1; }
mkdir -p "$WORK" && cd "$WORK" || exit 1
"$HERE/start.sh" || exit 1
"$PYTHON" -c "
from pathlib import Path
from irp_lightning.data.generated.category import write_category
write_category(Path('images'), 'fabric', size=64, train_good=16, test_good=6, per_defect=4)"

CELLS="-m +experiment=mvtec_noise noise=0.1,0.3 seed=0,1 refine=irp lam=1.001
    data.root=$WORK/images data.category=fabric data.image_size=64 cache_dir=$WORK/cache logger=csv
    backbone=random views.count=3 views.n_transforms=2 batch_size=8 model=differnet_small model.hidden=16
    model.n_blocks=2 epochs=60 max_rounds=6 round_epochs=60 trainer.accelerator=cpu"
SLURM="hydra/launcher=slurm hydra.launcher.cpus_per_task=1 hydra.launcher.mem=3GB
    hydra.launcher.array_parallelism=2"
FAILED=0

sweep() { # name, overrides…: its report is in name.log
    local name=$1; shift
    # shellcheck disable=SC2086  # words are meant
    timeout 420 "$PYTHON" -m irp_lightning.run $CELLS sweep.name="$name" "$@" >"$name.log" 2>&1
}
check() { # what, command…
    local what=$1; shift
    if "$@"; then echo "ok      $what"; else echo "FAILED  $what"; FAILED=$((FAILED + 1)); fi
}
told() { tail -n 1 "$1.log" | grep -qF "4 cells: $2;"; }
complete() { grep -l '"status": "complete"' "outputs/mvtec_noise/$1"/*/metrics.json 2>/dev/null | wc -l; }
resumed() { grep -l '"resumed": true' "outputs/mvtec_noise/$1"/*/metrics.json 2>/dev/null | wc -l; }
equal() { # name: cell by cell the same scores, removals and AUROC as the basic launcher's
    local cell file auroc
    for cell in outputs/mvtec_noise/basic/*/; do
        for file in scores.csv removed.csv manifest.csv; do
            cmp "$cell$file" "outputs/mvtec_noise/$1/$(basename "$cell")/$file" || return 1
        done
        auroc=$(grep image_auroc "$cell/metrics.json")
        grep -qF "$auroc" "outputs/mvtec_noise/$1/$(basename "$cell")/metrics.json" || return 1
    done
}
running() { squeue --noheader --array --states=RUNNING --format=%i; }
begin_now() { # Slurm holds jobs back for two minutes that it has queued again
    local job
    for job in $(squeue --noheader --array --states=PENDING --format=%i); do
        scontrol update JobId="$job" StartTime=now 2>/dev/null
    done
}
half_way() { # name: until the first two cells have a checkpoint; they take some seconds more
    local end=$((SECONDS + 120))
    while ((SECONDS < end)); do
        [ "$(find "outputs/mvtec_noise/$1" -name last.ckpt 2>/dev/null | wc -l)" -ge 2 ] && return
        sleep 0.2
    done
}

sweep basic || { tail "$WORK/basic.log"; exit 1; }

# Two at a time, each with a GPU of its own; the controller dies on the way
sweep plain $SLURM "hydra.launcher.setup=['echo leased \$CUDA_VISIBLE_DEVICES']" & command=$!
half_way plain
kill -9 "$(cat /var/lib/slurm-test/run/slurmctld.pid)"
sleep 2
slurmctld
wait $command
check "a sweep through Slurm completes, though the controller died" [ $? = 0 ]
check "… with the figures of the basic launcher" equal plain
leases=$(grep -h leased outputs/mvtec_noise/plain/.submitit/*/*.out | cut -d' ' -f2 | sort | uniq | tr '\n' ' ')
check "… each job with one of the two GPUs (leases: $leases)" [ "$leases" = "0 1 " ]

# scancel
sweep cancel $SLURM & command=$!
half_way cancel
victim=$(running | head -n 1)
scancel "$victim"
wait $command
check "a sweep with a cancelled job ($victim) goes on and exits with an error" [ $? != 0 ]
check "… its other three cells are complete" [ "$(complete cancel)" = 3 ]
check "… and the command names the job" grep -q "Slurm job $victim died (CANCELLED" cancel.log
sweep cancel $SLURM
check "the same command again completes it" [ $? = 0 ]
check "… computing the one cell alone" told cancel "1 complete, 3 skipped"
check "… from its last finished round" [ "$(resumed cancel)" = 1 ]
check "… with the figures of the basic launcher" equal cancel

# A job is told that its time is up, as by preemption too
sweep signal $SLURM & command=$!
half_way signal
victim=$(running | head -n 1)
scancel --signal=USR2 "$victim"
sleep 3
begin_now
wait $command
check "a sweep with a job whose time was up ($victim) completes, by the same command" [ $? = 0 ]
check "… that job from its last finished round" [ "$(resumed signal)" = 1 ]
check "… with the figures of the basic launcher" equal signal

# The node loses power with two jobs on it, and boots again
below() { local child; for child in $(pgrep -P "$1"); do echo "$child"; below "$child"; done; }
sweep node $SLURM & command=$!
half_way node
if squeue --noheader --format=%Z | grep -qvxF "$WORK"; then
    echo "run.sh: jobs of others have come; the node stays up" >&2
    # shellcheck disable=SC2046  # our own jobs, one a word
    scancel $(squeue --noheader --format="%F %Z" | awk -v own="$WORK" '$2 == own {print $1}' | sort -u)
    exit 1
fi
steps=$(pgrep -x slurmstepd)
# shellcheck disable=SC2046  # process ids, all at once: none must have the time to report the others
kill -9 "$(cat /var/lib/slurm-test/run/slurmd.pid)" $steps $(for step in $steps; do below "$step"; done)
check "no cell was complete when the node died" [ "$(complete node)" = 0 ]
sleep 2
slurmd -b  # the machine has booted
sleep 3
# Slurm would find out by itself that the jobs are gone, in a minute or two, and hold them back for two more
scontrol update NodeName="$(hostname -s)" State=DOWN Reason="lost power"
scontrol update NodeName="$(hostname -s)" State=RESUME 2>/dev/null  # it may be back by now
sleep 1
begin_now
wait $command
check "a sweep whose node died completes, by the same command" [ $? = 0 ]
check "… two cells from their last finished round" [ "$(resumed node)" = 2 ]
check "… with the figures of the basic launcher" equal node

"$PYTHON" -m irp_lightning compare "outputs/mvtec_noise/node" >compare.log 2>&1
check "compare reads it" grep -q "4 finished runs" compare.log
echo "$FAILED failed; all files are in $WORK"
exit $FAILED
