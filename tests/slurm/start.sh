#!/bin/bash
# Start a real Slurm of one node on this machine, with accounting and simulated GPUs, to try sweeps on.
#
#   tests/slurm/start.sh        (as root; tests/slurm/stop.sh ends it and removes what it made)
#
# FOR THROW-AWAY CONTAINERS ONLY: it takes over /etc/slurm, runs the daemons as root, contains no job
# (neither cgroups nor memory limits) and has a database password anyone can read. It refuses to touch a
# configuration that is not its own. Needs no systemd. Debian:
#
#   apt-get install slurm-wlm slurmdbd munge mariadb-server
#
# A second start repairs what is missing: daemons that are up stay up. The simulated GPUs are device files
# without a driver: Slurm leases them like real ones, nothing can compute on them.
set -euo pipefail

STATE=/var/lib/slurm-test       # everything but /etc/slurm/*.conf and the device files
GPUS=2
MARK="# made by tests/slurm/start.sh"
HOST=$(hostname -s)
CPUS=$(nproc --all)  # plain nproc heeds OMP_NUM_THREADS
MEMORY=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)  # MiB

die() { echo "start.sh: $*" >&2; exit 1; }
up() { [ -f "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }  # by pid file
wait_for() { # what, command…
    local what=$1 end=$((SECONDS + 60)); shift
    while ((SECONDS < end)); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done
    die "$what does not come up; see $STATE/log"
}

[ "$(id -u)" = 0 ] || die "run it as root"
for program in munged mariadbd mariadb-install-db slurmdbd slurmctld slurmd srun; do
    command -v $program >/dev/null ||
        die "$program is not installed: apt-get install slurm-wlm slurmdbd munge mariadb-server"
done
for file in slurm slurmdbd gres; do
    [ ! -f /etc/slurm/$file.conf ] || grep -qF "$MARK" /etc/slurm/$file.conf ||
        die "/etc/slurm/$file.conf is not this script's: is this a real cluster?"
done

mkdir -p /run/munge "$STATE"/{log,run,ctld,slurmd,munge,mysql} /etc/slurm
chmod 755 "$STATE"
for ((i = 0; i < GPUS; i++)); do
    [ -e /dev/fakegpu$i ] || mknod /dev/fakegpu$i c 195 $((100 + i))
done

cat >/etc/slurm/slurm.conf <<END
$MARK
ClusterName=test
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$STATE/ctld
SlurmdSpoolDir=$STATE/slurmd
SlurmctldPidFile=$STATE/run/slurmctld.pid
SlurmdPidFile=$STATE/run/slurmd.pid
SlurmctldLogFile=$STATE/log/slurmctld.log
SlurmdLogFile=$STATE/log/slurmd.log
# A container has no cgroups to give away
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
# Jobs share the node by cores and memory
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=$((MEMORY / CPUS))
# submitit asks sacct how its jobs are: without accounting it waits for ever for one that was killed
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStorageTRES=gres/gpu
# A node that is back takes jobs again, and its own are queued anew
ReturnToService=2
JobRequeue=1
# What can never start is refused
EnforcePartLimits=ALL
SlurmdTimeout=10
KillWait=5
MinJobAge=300
GresTypes=gpu
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEMORY Gres=gpu:$GPUS
PartitionName=test Nodes=ALL Default=YES MaxTime=1-0 State=UP
END
cat >/etc/slurm/gres.conf <<END
$MARK
NodeName=$HOST Name=gpu File=/dev/fakegpu[0-$((GPUS - 1))]
END
cat >/etc/slurm/slurmdbd.conf <<END
$MARK
DbdHost=$HOST
DbdAddr=127.0.0.1
SlurmUser=root
AuthType=auth/munge
PidFile=$STATE/run/slurmdbd.pid
LogFile=$STATE/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=3399
StorageUser=slurm
StoragePass=throw-away
StorageLoc=slurm_acct
END
chmod 600 /etc/slurm/slurmdbd.conf

# Who is who: munge
chown -R munge: /run/munge "$STATE/munge"
[ -f "$STATE/munge/key" ] || (umask 077; dd if=/dev/urandom of="$STATE/munge/key" bs=128 count=1 status=none)
chown munge: "$STATE/munge/key"
up "$STATE/munge/pid" || runuser -u munge -- munged --key-file="$STATE/munge/key" \
    --pid-file="$STATE/munge/pid" --log-file="$STATE/munge/log" --seed-file="$STATE/munge/seed"
wait_for munged munge --no-input

# What was: a MariaDB of its own, and Slurm's accounting on it
database() { mariadb --no-defaults --socket="$STATE/run/mysql.sock" --user=root "$@"; }
chown -R mysql: "$STATE/mysql"
chmod 777 "$STATE/run"
[ -d "$STATE/mysql/mysql" ] || mariadb-install-db --no-defaults --user=mysql --datadir="$STATE/mysql" \
    --auth-root-authentication-method=socket --skip-test-db >"$STATE/log/mariadb.log" 2>&1
up "$STATE/run/mysql.pid" || setsid mariadbd --no-defaults --user=mysql --datadir="$STATE/mysql" \
    --socket="$STATE/run/mysql.sock" --pid-file="$STATE/run/mysql.pid" --bind-address=127.0.0.1 --port=3399 \
    --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 >>"$STATE/log/mariadb.log" 2>&1 </dev/null &
wait_for mariadbd database -e "select 1"
database -e "create user if not exists slurm@'127.0.0.1' identified by 'throw-away';
             grant all on slurm_acct.* to slurm@'127.0.0.1';"
up "$STATE/run/slurmdbd.pid" || slurmdbd
wait_for slurmdbd sacctmgr --noheader --parsable list cluster
sacctmgr --noheader --parsable list cluster | grep -q '^test|' || sacctmgr --immediate add cluster test >/dev/null

# The controller and the node
up "$STATE/run/slurmctld.pid" || slurmctld
wait_for slurmctld scontrol ping
up "$STATE/run/slurmd.pid" || slurmd
scontrol update NodeName="$HOST" State=RESUME 2>/dev/null || true  # it may have been set down before
idle() { sinfo --noheader --format=%T | grep -Eq 'idle|mixed|allocated'; }
wait_for "the node" idle
echo "Slurm $(sinfo --version | cut -d' ' -f2) is up: $(sinfo --noheader --format='partition %P, %D node, %c CPUs, %G, %T')"
