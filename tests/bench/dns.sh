#!/bin/bash
# CPU time per answered DNS query: the program's transport and decoder beside dnsperf (which decodes nothing), on
# the same questions to the same NSD on loopback. Rounds are interleaved; the medians and their ratio are printed.
#
#   tests/bench/dns.sh [ROUNDS [IN_FLIGHT]]
#
# Needs nsd, dnsperf, taskset and a compiler. Target: ratio <= 0.9.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-3}
in_flight=${2:-1000}
address=127.0.0.53
port=5397
zones=2000
repeats=10
work=$(mktemp -d)
nsd_pid=

cleanup() {
	if [ -n "$nsd_pid" ]; then
		kill "$nsd_pid" 2>/dev/null || true
		wait "$nsd_pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT

for tool in nsd dnsperf taskset cc pkg-config; do
	command -v "$tool" >/dev/null || { echo "dns.sh: $tool is missing" >&2; exit 77; }
done

# One zone a name, so that each of the six types has an answer; every tenth lacks an AAAA.
mkdir "$work/zones"
{
	printf 'server:\n ip-address: %s@%s\n username: ""\n chroot: ""\n zonesdir: "%s"\n' \
		"$address" "$port" "$work/zones"
	printf ' pidfile: ""\n database: ""\n zonelistfile: "%s/list"\n xfrdfile: "%s/xfrd"\n' "$work" "$work"
	printf ' logfile: "%s/log"\n server-count: 1\nremote-control:\n control-enable: no\n' "$work"
	for ((i = 0; i < zones; i++)); do
		printf 'zone:\n name: site%d.example\n zonefile: %d\n' "$i" "$i"
	done
} >"$work/nsd.conf"
for ((i = 0; i < zones; i++)); do
	aaaa="@ AAAA 2001:db8::$((i % 9999))"
	((i % 10 != 0)) || aaaa=
	printf '$TTL 300\n@ SOA ns1 admin 1 7200 3600 86400 300\n@ NS ns1\n@ NS ns2\n@ A 192.0.2.%d\n@ A 198.51.100.%d\n%s\n@ MX 10 mx1\n@ MX 20 mx2\n@ TXT "v=spf1 mx -all"\n@ TXT "verification=%032d"\nns1 A 192.0.2.53\nns2 A 192.0.2.54\nmx1 A 192.0.2.25\nmx2 A 192.0.2.26\n' \
		$((i % 250)) $((i % 250)) "$aaaa" "$i" >"$work/zones/$i"
done
for ((n = 0; n < repeats; n++)); do
	seq -f 'site%g.example' 0 $((zones - 1))
done >"$work/names"
awk '{ split("A AAAA NS MX TXT SOA", t); for (i = 1; i <= 6; i++) print $1, t[i] }' "$work/names" >"$work/queries"

cc -std=gnu11 -D_GNU_SOURCE -O2 -I. -Iscanner -o "$work/dns_bench" tests/bench/dns_bench.c probes/dns*.c \
	probes/run.c results/record.c scanner/core/*.c \
	$(pkg-config --cflags --libs libcares libevent_core libssl libcrypto libxxhash)

taskset -c 1 nsd -d -c "$work/nsd.conf" &
nsd_pid=$!
printf 'site1.example A\n' >"$work/one"
for ((n = 0; n < 100; n++)); do
	dnsperf -s "$address" -p "$port" -d "$work/one" -t 1 2>/dev/null | grep -q 'completed: *1 ' && break
	sleep 0.1
done

# Prints "CPU microseconds per answer".
run_dnsperf() {
	local TIMEFORMAT='%U %S' answered user system
	{ time taskset -c 0 dnsperf -s "$address" -p "$port" -d "$work/queries" -q "$in_flight" -b 4096 \
		>"$work/out" 2>&1; } 2>"$work/time"
	read -r user system <"$work/time"
	answered=$(awk '/Queries completed:/ { print $3 }' "$work/out")
	awk -v n="$answered" -v u="$user" -v s="$system" 'BEGIN { printf "%.3f\n", (u + s) * 1e6 / n }'
}

run_mooring() {
	taskset -c 0 "$work/dns_bench" "$address:$port" "$work/names" "$in_flight" "$@" >"$work/out"
	cat "$work/out" >&2
	awk '{ for (i = 1; i < NF; i++) if ($i == "us_per_answer") print $(i + 1) }' "$work/out"
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

for ((n = 0; n < rounds; n++)); do
	run_dnsperf >>"$work/dnsperf"
	run_mooring >>"$work/mooring"
	run_mooring probe >>"$work/probe"
done
d=$(median <"$work/dnsperf")
m=$(median <"$work/mooring")
p=$(median <"$work/probe")
awk -v d="$d" -v m="$m" -v p="$p" 'BEGIN {
	printf "CPU us per answer: dnsperf %.2f, transport and decoder %.2f, whole probe %.2f\n", d, m, p
	printf "ratio to dnsperf: transport and decoder %.3f (target 0.9), whole probe %.3f\n", m / d, p / d
}'
