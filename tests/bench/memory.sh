#!/usr/bin/env bash
# Does memory stay flat from small registers to large ones? Scans plain lists of names that do not exist, all
# seventeen questions of each answered by a name server on loopback, and prints the largest resident set.
#
#   tests/bench/memory.sh [NAMES...]          default: 10000 100000
#
# A million names are 17 million questions: some ten minutes of CPU without a database, and several GB with one.
#   STORE=yes    store in SQLite, and not only write JSON Lines to /dev/null
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(10000 100000)
need nsd dnsperf
build_mooring
address=127.0.0.55
port=5395

cat >"$work/zone" <<-'END'
	$TTL 300
	@ SOA ns1 admin 1 7200 3600 86400 300
	@ NS ns1
	ns1 A 192.0.2.53
END
cat >"$work/nsd.conf" <<-END
	server:
	 ip-address: $address@$port
	 username: ""
	 chroot: ""
	 zonesdir: "$work"
	 pidfile: ""
	 database: ""
	 zonelistfile: "$work/list"
	 xfrdfile: "$work/xfrd"
	 logfile: "$work/nsd.log"
	 server-count: 1
	 rrl-ratelimit: 0
	remote-control:
	 control-enable: no
	zone:
	 name: test
	 zonefile: zone
END
"${server[@]}" nsd -d -c "$work/nsd.conf" &
stop+=($!)
echo 'test SOA' >"$work/one"
for ((n = 0; n < 100; n++)); do
	dnsperf -s "$address" -p "$port" -d "$work/one" -t 1 2>/dev/null | grep -q 'completed: *1 ' && break
	sleep 0.1
done

printf '\nMemory: lists of names that do not exist\n%12s %9s %9s %9s %12s %9s\n' names 'MB max' 'CPU s' 'wall s' 'us CPU/name' 'MB store'
for size in "${sizes[@]}"; do
	seq -f 'anchorage-%07.0f.test' 1 "$size" >"$work/names"
	rm -f "$work/db"*
	output=(-o /dev/null)
	[ "${STORE:-no}" != yes ] || output=(-d "$work/db")
	measure "$work/time" "$mooring" scan "$work/names" "${scan_options[@]}" -r "$address:$port" --concurrency 200 \
		"${output[@]}"
	stored=$(stat -c %s "$work/db" 2>/dev/null || echo 0)
	add_round "m$size" "$size" "$work/time"
	awk -v n="$size" -v u="$(median "m$size" 1)" -v c="$(median "m$size" 2)" -v r="$(median "m$size" 3)" -v w="$(median "m$size" 4)" \
		-v b="$stored" 'BEGIN { printf "%12d %9.1f %9.1f %9.1f %12.1f %9.1f\n", n, r / 1024, c, w, u, b / 1048576 }'
done
target "MB with ${sizes[-1]} names" "$(megabytes "m${sizes[-1]}")" 256
