#!/usr/bin/env bash
# What storing costs: batches of 17 records (DNS alone) and 40 (a whole domain) through the writer into SQLite, first
# all new, then the same facts again (tests/bench/store_bench.c). Beside it the least that SQLite can do for the same
# records: one table of JSON texts with one index. Rounds are interleaved; medians are printed.
#
#   tests/bench/store.sh [DOMAINS [ROUNDS]]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

domains=${1:-5000}
rounds=${2:-3}
build_program store_bench "$PWD/tests/bench/store_records.c"

run() { # RECORDS [plain]
	rm -f "$work/db"*
	"$work/store_bench" "$work/db" "$domains" "$@" >"$work/out"
	# One line a run: its figures become a round of a series; the last column is bytes a domain.
	awk -v dir="$work" -v series="$(IFS=-; echo "$*")" '{
		for (i = 1; i < NF; i++) v[$i] = $(i + 1)
		printf "%s %s %s %s %s\n", v["us_per_domain"], v["writer_cpu_seconds"], v["max_rss_kb"], v["seconds"], v["bytes_per_domain"] \
			>>(dir "/" series "-" v["run"])
	}' "$work/out"
}

store_row() {
	awk -v l="$1" -v u="$(median "$2" 1)" -v w="$(median "$2" 4)" -v n="$domains" -v b="$(median "$2" 5)" -v r="$(median "$2" 3)" \
		'BEGIN { printf "%-46s %12.1f %12.0f %12.0f %12.0f %8.1f\n", l, u, 1e6 / u, n / w, b, r / 1024 }'
}

for ((n = 0; n < rounds; n++)); do
	for records in 17 40; do
		run $records
		run $records plain
	done
done

printf '\nStorage: %s domains, median of %s rounds; the CPU is that of the writer thread\n%-46s %12s %12s %12s %12s %8s\n' \
	"$domains" "$rounds" '' 'us CPU/domain' 'domains/CPU s' 'domains/s' 'bytes/domain' 'MB max'
for records in 17 40; do
	store_row "$records records, new" $records-1
	store_row "$records records, seen again" $records-2
	store_row "$records records as JSON texts in one table" $records-plain-1
done
for records in 17 40; do
	printf '  %s records, new, to plain JSON texts: %.2f of the CPU, %.2f of the bytes\n' $records \
		"$(ratio $records-1 $records-plain-1)" \
		"$(awk -v a="$(median $records-1 5)" -v b="$(median $records-plain-1 5)" 'BEGIN { print a / b }')"
done
