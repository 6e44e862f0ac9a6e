#!/bin/bash
# End what tests/slurm/start.sh started, and remove what it made (--keep: leave the files).
set -uo pipefail

STATE=/var/lib/slurm-test
MARK="# made by tests/slurm/start.sh"

[ "$(id -u)" = 0 ] || { echo "stop.sh: run it as root" >&2; exit 1; }
scancel --state=PENDING --user=root 2>/dev/null
scancel --user=root 2>/dev/null
sleep 1
for name in run/slurmd run/slurmctld run/slurmdbd run/mysql munge/; do
    file=$STATE/${name}pid
    [ -f "$file" ] || file=$STATE/$name.pid
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null
    for _ in $(seq 40); do kill -0 "$pid" 2>/dev/null || break; sleep 0.25; done
done
[ "${1:-}" = --keep ] && exit 0
for file in slurm slurmdbd gres; do
    grep -qsF "$MARK" /etc/slurm/$file.conf && rm /etc/slurm/$file.conf
done
rm -rf "$STATE" /dev/fakegpu[0-9]
