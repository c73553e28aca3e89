#!/usr/bin/env bash
# CPU time per TLS and HTTP target: the program's own probes (tests/bench/http_bench.c), with everything recorded
# and stored, beside wrk, curl and nmap at one nginx on loopback. A target is: connect, full handshake with SNI, the
# whole chain, GET /, 20 kB of body. Rounds are interleaved; medians are printed.
#
#   tests/bench/http.sh [TARGETS [ROUNDS [IN_FLIGHT]]]
#
# wrk asks for one name only and keeps nothing; curl verifies nothing; nmap is asked about a tenth of the targets, by
# address. Sessions are never resumed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

targets=${1:-5000}
rounds=${2:-3}
in_flight=${3:-200}
address=127.0.0.54
port=8443 # one that nmap's scripts take for HTTPS
certificates=250
nmap_hosts=$((targets / 10 < 250 ? targets / 10 : 250))
need nginx openssl wrk curl nmap
build_program http_bench

# ---- certificates: a root, an intermediate, and a wildcard for each group of names ----

sign() { # NAME ISSUER SUBJECT EXTENSION...
	local file=$1 issuer=$2 subject=$3 extensions=() extension
	shift 3
	for extension in "$@"; do
		extensions+=(-addext "$extension")
	done
	openssl req -x509 -new -sha256 -days 90 -key "$work/$file.key" -CA "$work/$issuer.crt" -CAkey "$work/$issuer.key" \
		-subj "$subject" "${extensions[@]}" -out "$work/$file.crt" 2>>"$work/openssl.log"
}

make_certificates() {
	local k
	for k in root inner leaf; do
		openssl ecparam -name prime256v1 -genkey -noout -out "$work/$k.key"
	done
	openssl req -x509 -new -sha256 -days 90 -key "$work/root.key" -subj '/O=Bench/CN=Bench root' \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -out "$work/root.crt" 2>>"$work/openssl.log"
	sign inner root '/O=Bench/CN=Bench intermediate' basicConstraints=critical,CA:TRUE,pathlen:0 keyUsage=critical,keyCertSign
	for ((k = 0; k < certificates; k++)); do
		sign leaf inner "/CN=g$k.bench.test" "subjectAltName=DNS:g$k.bench.test,DNS:*.g$k.bench.test" \
			basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth
		cat "$work/leaf.crt" "$work/inner.crt" >"$work/chain$k"
	done
}

# ---- one page of 20 kB that looks like a page ----

make_page() {
	awk 'BEGIN {
		printf "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Boats and their moorings</title>\n"
		printf "<link rel=\"stylesheet\" href=\"/style.css\"><link rel=\"icon\" href=\"/icon.png\">\n"
		printf "<script src=\"https://www.googletagmanager.com/gtag/js?id=G-BENCH00001\"></script></head><body>\n"
		for (i = 0; i < 90; i++)
			printf "<div class=\"item n%d\"><h2>Berth %d</h2><p>The weather at the quay is fair, the boats are in, and the office opens at nine. " \
				"<a href=\"/berth/%d?from=list&amp;sort=name\">More about berth %d</a> <img src=\"/img/%d.jpg\" alt=\"\"></p></div>\n", i, i, i, i, i
		printf "</body></html>\n"
	}' | head -c 20480 >"$work/www/index.html"
}

start_nginx() {
	local k
	{
		[ "$(id -u)" != 0 ] || echo 'user root;'
		cat <<-END
			daemon off; master_process on; worker_processes 1; worker_rlimit_nofile 16384;
			pid $work/nginx.pid; error_log $work/nginx.log warn;
			events { worker_connections 8192; multi_accept on; }
			http {
			  access_log off; sendfile on; tcp_nopush on; types { text/html html; } root $work/www;
			  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
			  server_names_hash_bucket_size 128; server_names_hash_max_size 4096;
			  ssl_session_cache off; ssl_session_tickets off; ssl_certificate_key $work/leaf.key;
		END
		for ((k = 0; k < certificates; k++)); do
			echo "  server { listen $address:$port ssl backlog=4096; server_name *.g$k.bench.test; ssl_certificate $work/chain$k;" |
				if [ $k = 0 ]; then cat; else sed 's/ backlog=4096//'; fi
			if [ $k = 0 ]; then
				sed "s/.*/    listen &:$port ssl;/" "$work/hosts"
			fi
			echo '  }'
		done
		echo '}'
	} >"$work/nginx.conf"
	"${server[@]}" nginx -p "$work" -e "$work/nginx.log" -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 &
	stop+=($!)
	for ((k = 0; k < 100; k++)); do
		sleep 0.1
		# Another program at this address would answer, too.
		kill -0 "${stop[0]}" 2>/dev/null || break
		curl -ks -o "$work/out" "https://$address:$port/" && [ -s "$work/nginx.pid" ] && return
	done
	tail -n 3 "$work/nginx.out" "$work/nginx.log" >&2
	die "nginx does not answer"
}

mkdir "$work/www"
for ((n = 0; n < nmap_hosts; n++)); do
	echo "127.55.0.$((n + 1))"
done >"$work/hosts"
make_page
make_certificates
start_nginx
for ((n = 0; n < targets; n++)); do
	echo "s$n.g$((n % certificates)).bench.test"
done >"$work/names"
# A block for each URL: many `resolve` lines in one block cost quadratic time.
sed "s/.*/url = \"https:\/\/&:$port\/\"\nresolve = \"&:$port:$address\"\noutput = \"\/dev\/null\"\ninsecure\nnext/" "$work/names" |
	sed '$d' >"$work/curl.conf"

# ---- rounds ----

run_mooring() { # SERIES [DATABASE [page]]
	local series=$1
	shift
	rm -f "$work/db"*
	measure "$work/time" "$work/http_bench" "$address" "$port" "$work/root.crt" "$work/names" "$in_flight" "$@" >"$work/out" ||
		die "http_bench failed: $(cat "$work/out")"
	add_round "$series" "$targets" "$work/time"
}

run_wrk() {
	local done
	measure "$work/time" wrk -t1 -c"$in_flight" -d5s -H 'Connection: close' "https://$address:$port/" >"$work/out"
	done=$(awk '/ requests in / { print $1 }' "$work/out")
	add_round wrk "$done" "$work/time"
}

run_curl() {
	measure "$work/time" curl --silent --no-progress-meter --parallel --parallel-immediate --parallel-max "$in_flight" -K "$work/curl.conf"
	add_round curl "$targets" "$work/time"
}

run_nmap() {
	local done
	measure "$work/time" nmap -n -Pn -sT --unprivileged -T4 -p "$port" --script ssl-cert,http-title,http-headers \
		-iL "$work/hosts" >"$work/out"
	done=$(grep -c 'http-title: Boats' "$work/out" || true)
	[ "$done" = "$nmap_hosts" ] || echo "http.sh: nmap read $done of $nmap_hosts pages" >&2
	add_round nmap "$nmap_hosts" "$work/time"
}

for ((n = 0; n < rounds; n++)); do
	run_mooring probes
	run_wrk
	run_mooring stored "$work/db"
	run_curl
	run_mooring page "$work/db" page
	run_nmap
done

header "TLS and HTTP: $targets targets, $in_flight in flight, $certificates certificates, median of $rounds rounds" target
row 'mooring probes, records made' probes
row 'mooring probes, everything stored in SQLite' stored
row 'the same, and the page read' page
row 'wrk, a connection for each request' wrk
row 'curl --parallel' curl
row "nmap ssl-cert,http-title,http-headers ($nmap_hosts)" nmap
target 'stored, to wrk' "$(ratio stored wrk)" 1.0
target 'stored, to curl --parallel' "$(ratio stored curl)" 0.70
target 'stored, to nmap' "$(ratio stored nmap)" 0.08
target 'stored, MB' "$(megabytes stored)" 32
