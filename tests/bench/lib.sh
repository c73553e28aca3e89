# Shared by the benchmarks; sourced, never run. The client runs on the first processor, its servers on the second.
#
# A series is a file of lines "microseconds_of_CPU_per_item CPU_seconds max_RSS_kB wall_seconds", one for each round.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${BENCH_BUILD:-$PWD/build-bench}
work=$(mktemp -d)
chmod 755 "$work"
stop=()     # processes to end, by id
missed=0
lab=        # the lab's folder when one is up

cleanup() {
	local pid
	[ -z "$lab" ] || scripts/lab down --dir "$lab" || true
	for pid in "${stop[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap cleanup EXIT

name=$(basename "$0")
die() {
	echo "$name: $*" >&2
	exit 1
}

# Exit code 77: what the benchmark compares with is not installed.
need() {
	local tool
	PATH=$PATH:/usr/sbin:/sbin
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { echo "$name: $tool is missing: scripts/install-deps --lab --bench" >&2; exit 77; }
	done
}

client=() server=()
if [ "$(nproc)" -gt 1 ]; then
	client=(taskset -c 0) server=(taskset -c 1)
fi

# The program, optimised as it is shipped.
build_mooring() {
	if ! { cmake -S . -B "$build" -G "Unix Makefiles" -DMOORING_TESTS=OFF && cmake --build "$build" -j "$(nproc)"; } >"$work/build" 2>&1; then
		cat "$work/build" >&2
		die "the build in $build failed"
	fi
	mooring=$build/mooring
}

# build_program NAME [SOURCE...]: tests/bench/NAME.c and other files of that folder with all rooms, as $work/NAME.
# Linked with what CMake links the program with.
build_program() {
	build_mooring
	local libraries
	libraries=$(sed -n 's/.* -o mooring //p' "$build/CMakeFiles/mooring.dir/link.txt")
	[ -n "$libraries" ] || die "no libraries in $build/CMakeFiles/mooring.dir/link.txt"
	# shellcheck disable=SC2086
	(top=$PWD && cd "$build" && cc -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -I"$top" -I"$top/scanner" -Igenerated \
		-o "$work/$1" "$top/tests/bench/$1.c" "${@:2}" $libraries)
}

# Without the limits that keep a scan polite.
scan_options=(-q --contact bench@example.test --rate 0 --pause 0 --per-address 0 --per-network 0)

# start_lab DOMAINS: a lab with so many plain domains, listed in $EXTRA; lab_options is how to scan it, $CA its root.
start_lab() {
	lab=$work/lab
	scripts/lab up --dir "$lab" --extra "$1" --dns-port 5393 --http-port 8093 --https-port 8493 >"$work/out" || die "no lab"
	. "$lab/lab.env"
	lab_options=("${scan_options[@]}" --resolver "$RESOLVER" --port-http "$HTTP_PORT" --port-https "$HTTPS_PORT"
		--allow-net 127.0.0.0/8)
}

# measure FILE COMMAND...: runs it on the client's processor; "user system max_RSS_kB wall" go to FILE.
measure() {
	local file=$1
	shift
	"${client[@]}" /usr/bin/time -q -o "$file" -f '%U %S %M %e' "$@"
}

# add_round SERIES ITEMS FILE: one more line of a series, from what measure() wrote.
add_round() {
	awk -v n="$2" '{ printf "%.2f %.3f %d %.2f\n", ($1 + $2) * 1e6 / n, $1 + $2, $3, $4 }' "$3" >>"$work/$1"
}

# median SERIES COLUMN
median() {
	sort -g -k "$2,$2" "$work/$1" | awk -v c="$2" '{ v[NR] = $c } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

header() {
	printf '\n%s\n%-46s %12s %9s %9s %8s\n' "$1" '' "us CPU/$2" 'CPU s' 'MB max' 'wall s'
}

row() {
	awk -v l="$1" -v u="$(median "$2" 1)" -v c="$(median "$2" 2)" -v r="$(median "$2" 3)" -v w="$(median "$2" 4)" \
		'BEGIN { printf "%-46s %12.1f %9.2f %9.1f %8.1f\n", l, u, c, r / 1024, w }'
}

# target TEXT VALUE LIMIT: one line, and whether VALUE <= LIMIT.
target() {
	local verdict=reached
	if ! awk -v v="$2" -v l="$3" 'BEGIN { exit !(v <= l) }'; then
		verdict=MISSED
		missed=$((missed + 1))
	fi
	printf '  %-60s %9.3f  target %7s  %s\n' "$1" "$2" "$3" "$verdict"
}

ratio() {
	awk -v a="$(median "$1" 1)" -v b="$(median "$2" 1)" 'BEGIN { print a / b }'
}

megabytes() {
	awk -v k="$(median "$1" 3)" 'BEGIN { print k / 1024 }'
}
