#!/bin/bash
# The main job on real input, as `./run demo` shows it: connmgr-send -> connmgr-host -> connmgr-receive, every
# record and every acknowledgment checked. Usage: demo.sh DIRECTORY-OF-THE-PROGRAMS
#
# Exit status: 0 all good; else that of the first program that found a difference or failed. On every path,
# Ctrl-C included, only processes started here are ended, and all of them.
set -euo pipefail

programs=$1
services=$(dirname "$(readlink -f "$0")")/../examples
records=${DEMO_RECORDS:-200000}
connections=${DEMO_CONNECTIONS:-50}

work=$(mktemp -d)
receive_pid='' host_pid='' send_pid=''

# Whether this is a child of ours that still runs: by bash's own list, so never somebody else's process that
# got the number of one that has ended.
runs() { [[ -n $1 ]] && jobs -rp | grep -qx "$1"; }

# Ends a child if it still runs; it may finish what it does, then it is killed.
# shellcheck disable=SC2317  # called by the trap
end_child() {
  local pid=$1 tries
  runs "$pid" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; ++tries)); do
    runs "$pid" || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}

# shellcheck disable=SC2317  # called by the trap
clean_up() {
  trap - EXIT
  trap '' INT TERM
  end_child "$send_pid"
  end_child "$host_pid"
  end_child "$receive_pid"
  wait || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits until FILE is there, or PID has ended: then its words are shown.
wait_until_ready() {
  local what=$1 pid=$2 file=$3 tries
  for ((tries = 0; tries < 300; ++tries)); do
    [[ ! -s $file ]] || return 0
    runs "$pid" || break
    sleep 0.05
  done
  echo "demo: $what did not get ready:" >&2
  cat "$work/$what.err" >&2
  exit 1
}

# The first value of a key in a flat piece of JSON.
value() { sed -nE 's/.*"'"$2"'": *"?([^",}]*)"?.*/\1/p' "$1" 2>/dev/null | head -n 1; }

# For each connection manager in the host's report: what it opened, how many were in use at most, who waited.
manager_rows() {
  awk 'BEGIN { RS = "[,{}\n]+" }
    function figure() { sub(/^[^:]*:[ \t]*/, ""); gsub(/["\]\[ \t]/, ""); return $0 }
    /"name"[ \t]*:/ { name = figure() }
    /"opened"[ \t]*:/ { opened[name] = figure(); if (!(name in seen)) { seen[name]; order[++count] = name } }
    /"peak_used"[ \t]*:/ { peak[name] = figure() }
    /"waits"[ \t]*:/ { waits[name] = figure() }
    END { for (i = 1; i <= count; ++i) { n = order[i]
          printf "  %-24s opened %s, most in use %s, waits %s\n", "connections of " n, opened[n], peak[n], waits[n] } }' "$1"
}

for file in /usr/share/common-licenses/GPL-3 /usr/share/common-licenses/GPL-2 /usr/share/perl5/Debconf/Db.pm /etc/passwd; do
  [[ -r $file ]] && break
done

echo "demo: $records lines of $file, numbered, over $connections connections:"
echo "      connmgr-send --lines--> connmgr-host (flow expenses) --4-byte lengths--> connmgr-receive"

"$programs/connmgr-receive" --listen auto --framing length4 --ready-file "$work/ledger" --file "$file" \
  --expect-records "$records" --idle-timeout 10s --json "$work/receive.json" --quiet >"$work/receive.out" 2>"$work/receive.err" &
receive_pid=$!
wait_until_ready receive "$receive_pid" "$work/ledger"

"$programs/connmgr-host" --services "$services" --flow expenses --flow orders --set "ledger.port=$(<"$work/ledger")" \
  --ready-file "$work/host" --report "$work/host.json" >"$work/host.out" 2>"$work/host.err" &
host_pid=$!
wait_until_ready host "$host_pid" "$work/host"
port=$(awk '$1 == "pos" { print $2 }' "$work/host")
[[ -n $port ]] || { echo "demo: the host does not say where 'pos' listens:" >&2; cat "$work/host" >&2; exit 1; }

# In the background like the others: bash sees a signal while it waits, not while a program runs in front.
status=0
"$programs/connmgr-send" --to "127.0.0.1:$port" --connections "$connections" --records "$records" --file "$file" \
  --framing line --expect-reply ack --json "$work/send.json" &
send_pid=$!
wait "$send_pid" || status=$?
send_pid=''

# Every record is acknowledged; what is on its way to the far end arrives without the sender.
((status == 0)) || end_child "$receive_pid"
receive_status=0
wait "$receive_pid" || receive_status=$?
receive_pid=''
((status != 0)) || status=$receive_status
cat "$work/receive.err" >&2
host_status=0
end_child "$host_pid"
wait "$host_pid" || host_status=$?
host_pid=''
if ((host_status != 0)); then
  echo "demo: connmgr-host ended with status $host_status:" >&2
  tail -n 20 "$work/host.err" >&2
  ((status != 0)) || status=$host_status
fi

echo
echo "at the far end"
printf '  %-24s %s of %s\n' 'records as sent' "$(value "$work/receive.json" verified)" "$records"
for kind in lost doubled cut altered out_of_order unreadable; do
  printf '  %-24s %s\n' "${kind//_/ }" "$(value "$work/receive.json" "$kind")"
done
echo "in the host"
if [[ -s $work/host.json ]]; then manager_rows "$work/host.json"; else echo "  no report"; fi

echo
if ((status == 0)); then
  cat <<TEXT
All good: every record arrived once, whole and in order, and every one was acknowledged.

What to try next:
  ${programs}/connmgr-host --help        flows and service files
  ${programs}/connmgr-send --help        other framings, rates, pipelining
  services/examples/                   the service files of this demo: change max_connections and run it again
  ./run test                           every test
TEXT
else
  echo "NOT good: see the differences above."
fi
exit "$status"
