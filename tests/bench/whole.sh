#!/usr/bin/env bash
# A whole scan of lab domains beside the sum of its parts, each measured alone, in CPU time of the client:
#
#   DNS        scan --probes dns
#   TLS/HTTP   a scan of the same domains without a database, less DNS
#   storage    as many batches of 40 records, which a lab domain gives, into SQLite (tests/bench/store_bench.c)
#   whole      a scan with database and location databases, and the overlaps of it
#
# Without a database a scan writes JSON Lines, here to /dev/null; what that costs is measured alone, too, and taken
# off the parts. Rounds are interleaved; medians are printed. Brings a lab of its own.
#
#   tests/bench/whole.sh [DOMAINS [ROUNDS [IN_FLIGHT]]]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

domains=${1:-2000}
rounds=${2:-3}
in_flight=${3:-200}
need nsd unbound nginx
build_program store_bench "$PWD/tests/bench/store_records.c"
start_lab "$domains"

run_scan() { # SERIES OPTION...
	local series=$1
	shift
	measure "$work/time" "$mooring" scan "$EXTRA" "${lab_options[@]}" --ca-file "$CA" --concurrency "$in_flight" "$@"
	add_round "$series" "$domains" "$work/time"
}

run_store() { # SERIES FILE RECORDS [KIND]: the first run of store_bench only, all records new
	rm -f "$work/db"*
	"$work/store_bench" "$2" "$domains" "${@:3}" >"$work/out"
	awk 'NR == 1 { for (i = 1; i < NF; i++) v[$i] = $(i + 1)
		print v["us_per_domain"], v["writer_cpu_seconds"], v["max_rss_kb"], v["seconds"] }' "$work/out" >>"$work/$1"
}

for ((n = 0; n < rounds; n++)); do
	run_scan dns --probes dns -o /dev/null
	run_scan lines -o /dev/null
	run_store lines17 /dev/null 17 jsonl
	run_store lines40 /dev/null 40 jsonl
	run_store storage "$work/db" 40
	rm -f "$work/db"*
	run_scan stored -d "$work/db" --geo "$GEO"
	"$mooring" runs -d "$work/db" --json | grep -q "\"counts\":{\"live\":$domains}" || die "not all domains are live"
	measure "$work/time" "$mooring" overlaps -q -d "$work/db" -o /dev/null
	add_round overlaps "$domains" "$work/time"
done

header "Whole scan: $domains lab domains, $in_flight in flight, median of $rounds rounds" domain
row 'scan --probes dns -o /dev/null' dns
row 'scan -o /dev/null' lines
row '  of which JSON Lines of 17 records' lines17
row '  of which JSON Lines of 40 records' lines40
row 'storage of 40 records alone' storage
row 'scan -d --geo' stored
row 'overlaps' overlaps

of() { median "$1" 1; }
read -r dns http storage sum whole <<<"$(awk -v d="$(of dns)" -v l="$(of lines)" -v a="$(of lines17)" -v b="$(of lines40)" \
	-v s="$(of storage)" -v w="$(of stored)" -v o="$(of overlaps)" \
	'BEGIN { d2 = d - a; h = l - d - (b - a); print d2, h, s, d2 + h + s, w + o }')"
printf '  parts: DNS %.0f + TLS/HTTP %.0f + storage %.0f = %.0f us a domain; whole with overlaps %.0f\n' \
	"$dns" "$http" "$storage" "$sum" "$whole"
target 'whole, to the sum of its parts' "$(awk -v w="$whole" -v s="$sum" 'BEGIN { print w / s }')" 1.25
target 'whole, MB' "$(megabytes stored)" 256
