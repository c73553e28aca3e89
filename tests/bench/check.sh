#!/usr/bin/env bash
# The own CPU time of `mooring check` for one domain of the lab, from start to exit. The smallest unit that the
# system's `time` shows is larger than what is looked for, so that many checks are timed together.
#
#   tests/bench/check.sh [CHECKS [ROUNDS]]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

checks=${1:-20}
rounds=${2:-5}
need nsd unbound nginx
build_mooring
start_lab 1
domain=$(cat "$EXTRA")
export mooring domain checks
cat >"$work/checks" <<-'END'
	for ((i = 0; i < checks; i++)); do
		"$mooring" check "$domain" "$@" >/dev/null
	done
END

run_checks() { # SERIES OPTION...
	local series=$1
	shift
	measure "$work/time" bash "$work/checks" "${lab_options[@]}" "$@"
	add_round "$series" "$checks" "$work/time"
}

for ((n = 0; n < rounds; n++)); do
	run_checks small --ca-file "$CA"
	run_checks geo --ca-file "$CA" --geo "$GEO"
	run_checks system
done

header "mooring check of one lab domain, $checks in a row, median of $rounds rounds" check
row "trusting the lab's root alone" small
row 'the same, with location databases' geo
row "trusting the system's certificates" system
target "ms of CPU, trusting the system's certificates" "$(awk -v u="$(median system 1)" 'BEGIN { print u / 1000 }')" 50
