# common.sh - what bench/run and bench/profile share; sourced by them.
# Everything that is started is remembered by its process id and ended by it.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
KEY=sk-bench-0123456789abcdef0123456789abcdef
BUILD=${BUILD:-build}
TOOLS=${BENCH_TOOLS:-build-bench}
NGINX=${NGINX-$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null || true)}
GATEWAY_CORE=${GATEWAY_CORE:-0}
LOAD_CORE=${LOAD_CORE:-$([ "$(nproc)" -gt 1 ] && echo 1 || echo 0)}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/gproxy-bench.XXXXXX")
RUNNING=()
ERRORS=0
SENT=0 # answered requests that have gone through the gateway whose rows are counted
ulimit -n "$(ulimit -Hn)"

say() { echo "bench: $*" >&2; }
die() {
    say "$*"
    exit 1
}

clean_up() {
    local pid
    for pid in "${RUNNING[@]}"; do
        kill "$pid" 2>/dev/null
    done
    for pid in "${RUNNING[@]}"; do
        wait "$pid" 2>/dev/null
    done
    rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# begin COMMAND...: starts it in the background; its process id is in $BEGUN.
begin() {
    "$@" &
    BEGUN=$!
    RUNNING+=("$BEGUN")
}

# finish PID: ends it in good order and waits.
finish() {
    local pid left=()
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    for pid in "${RUNNING[@]}"; do
        [ "$pid" = "$1" ] || left+=("$pid")
    done
    RUNNING=("${left[@]}")
}

# A port below those that the kernel gives to outgoing connections, into $PORT.
NEXT_PORT=$((20000 + RANDOM % 8000))
free_port() {
    while NEXT_PORT=$((NEXT_PORT + 1)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$NEXT_PORT") 2>/dev/null || break
    done
    PORT=$NEXT_PORT
}

# build_all [OPTION...]: the gateway as people run it, and the tools.
build_all() {
    if [ -n "${GPROXY_BIN:-}" ]; then
        GPROXY=$GPROXY_BIN
    else
        [ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" >"$WORK/build.log" 2>&1 ||
            { cat "$WORK/build.log"; die "meson setup failed"; }
        ninja -C "$BUILD" gproxy >"$WORK/build.log" 2>&1 ||
            { grep -E 'error|FAILED|undefined' "$WORK/build.log" | head; die "the build failed"; }
        GPROXY=$BUILD/gproxy
        meson introspect "$BUILD" --buildoptions 2>/dev/null | tr '{' '\n' |
            grep '"name": "buildtype"' | grep -q '"value": "release"' ||
            say "note: $BUILD is no release build"
    fi
    [ -f "$TOOLS/build.ninja" ] ||
        meson setup "$TOOLS" -Dbench=true -Dtests=false >"$WORK/build.log" 2>&1 ||
        { cat "$WORK/build.log"; die "meson setup failed"; }
    ninja -C "$TOOLS" bench/bench-mock bench/bench-load bench/libcount-alloc.so \
        >"$WORK/build.log" 2>&1 || { tail -20 "$WORK/build.log"; die "the tools do not build"; }
    MOCK=$TOOLS/bench/bench-mock LOAD=$TOOLS/bench/bench-load
}

# ---- the upstreams: name -> port, and how each behaves ----
declare -A UPSTREAM NGINX_PORT

# start_mock CORE NAME[,SETTINGS]...
start_mock() {
    local core=$1 spec arguments=() names=()
    shift
    for spec in "$@"; do
        free_port
        names+=("${spec%%,*}")
        UPSTREAM[${spec%%,*}]=$PORT
        arguments+=("$PORT${spec#"${spec%%,*}"}")
    done
    begin taskset -c "$core" "$MOCK" "${arguments[@]}"
    "$LOAD" --port "${UPSTREAM[${names[0]}]}" --kind get --wait-up 5 >/dev/null ||
        die "the mock upstream does not start"
}

# Everything is on: keys, permissions, limits, quotas, prices, the journal, a log line for each
# exchange.  BARE=1: without the limits and quotas, to see what they add.
# The named upstreams, over TLS where the name begins with tls.  With a dialect in front
# ("anthropic-fast") the same mock, asked in that one alone.
write_config() { # write_config FILE NAME...
    local name channel settings file=$1
    shift
    {
        echo 'config: { mode: managed }'
        echo 'providers:'
        for name in "$@"; do
            UPSTREAM[$name]=${UPSTREAM[${name#*-}]}
            settings="base_url: \"http://127.0.0.1:${UPSTREAM[$name]}\""
            [[ $name != tls* ]] ||
                settings="base_url: \"https://127.0.0.1:${UPSTREAM[$name]}\", insecure_skip_verify: true"
            case $name in
            anthropic-*) channel=anthropic ;;
            gemini-*) channel=aistudio ;;
            responses-*) channel=custom settings+=", dialect: openai_responses" ;;
            *) channel=openai settings+=", prefer_chat: true" ;;
            esac
            echo "  - name: $name"
            echo "    channel: $channel"
            echo "    settings: { $settings }"
            echo "    credentials: [ { secret: { api_key: sk-upstream-0123456789abcdef } } ]"
            echo "    models: [ { id: bench-$name, price: { input: \"0.75\", output: \"4.50\"," \
                 "cache_read: \"0.075\" } } ]"
        done
        echo 'users:'
        echo '  - name: bench'
        echo "    keys:"
        echo "      - label: bench"
        echo "        key: $KEY"
        [ -n "${BARE:-}" ] || echo '        quota: { usd: "1000000", period: month }'
        echo '    permissions: [ { models: "bench-*" } ]'
        [ -n "${BARE:-}" ] || {
            echo '    quota: { usd: "1000000" }'
            echo '    rate_limits:'
            echo '      - { models: "bench-*", rpm: 1000000000, rpd: 1000000000000, tpm: 1000000000000, max_concurrent: 1000000 }'
        }
    } >"$file"
}

# start_gateway DATA-DIR [COMMAND...]: under that command; $GATEWAY is its process id,
# $GATEWAY_PORT where it listens, $STARTED_MS how long that took.
start_gateway() {
    local data=$1
    shift
    free_port
    GATEWAY_PORT=$PORT
    mkdir -p "$data"
    begin taskset -c "$GATEWAY_CORE" "$@" "$GPROXY" serve --config "$WORK/gproxy.yaml" \
        --data-dir "$data" --port "$GATEWAY_PORT" --workers 1 --log-level info \
        --log-format json 2>"${GATEWAY_LOG:-/dev/null}"
    GATEWAY=$BEGUN
    RESULT=$(taskset -c "$LOAD_CORE" "$LOAD" --port "$GATEWAY_PORT" --kind get \
        --wait-up "${START_SECONDS:-10}") || die "the gateway does not start"
    STARTED_MS=$(figure "($(field up_us) + $(field latency_min_us)) / 1000" 1)
}

# A raw reverse proxy: one worker, connections to the upstream kept, nothing logged.
start_nginx() { # start_nginx NAME...: one port for each upstream
    local name
    {
        cat <<EOF
daemon off; worker_processes 1; worker_rlimit_nofile $(ulimit -n);
pid $WORK/nginx.pid; error_log $WORK/nginx.log crit;
events { worker_connections $(($(ulimit -n) - 100)); use epoll; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on;
    client_body_buffer_size 1m; client_max_body_size 64m; proxy_http_version 1.1;
    client_body_temp_path $WORK/nginx.body; proxy_temp_path $WORK/nginx.proxy;
    fastcgi_temp_path $WORK/nginx.fcgi; uwsgi_temp_path $WORK/nginx.uwsgi;
    scgi_temp_path $WORK/nginx.scgi; proxy_read_timeout 300s;
EOF
        for name in "$@"; do
            free_port
            NGINX_PORT[$name]=$PORT
            cat <<EOF
    upstream $name { server 127.0.0.1:${UPSTREAM[$name]}; keepalive 512; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:$PORT backlog=4096;
        location / { proxy_pass http://$name; proxy_set_header Connection ""; $(buffering "$name") }
    }
EOF
        done
        echo "}"
    } >"$WORK/nginx.conf"
    begin taskset -c "$GATEWAY_CORE" "$NGINX" -p "$WORK" -c "$WORK/nginx.conf" -e "$WORK/nginx.log"
    NGINX_PID=$BEGUN
    "$LOAD" --port "${NGINX_PORT[$1]}" --kind get --wait-up 10 >/dev/null ||
        die "nginx does not start: $(cat "$WORK/nginx.log")"
    NGINX_PIDS="$NGINX_PID $(cat "/proc/$NGINX_PID/task/$NGINX_PID/children")"
}

# Streams are of use only where they are not held back.
buffering() {
    case $1 in
    few* | many* | first*) echo "proxy_buffering off;" ;;
    esac
}

# ---- figures ----

# field NAME: of the last result.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"$RESULT"; }

# figure EXPRESSION [DIGITS]
figure() { awk "BEGIN { printf \"%.${2:-1}f\", $1 }"; }

# Nanoseconds of CPU that these processes have had: all threads, and the busiest one.
cpu_ns() {
    local pid
    for pid in "$@"; do
        cat /proc/"$pid"/task/*/schedstat
    done | awk '{ sum += $1; if ($1 > most) most = $1 } END { printf "%.0f %.0f\n", sum, most }'
}

# load WHO ARGUMENTS...: WHO is gateway, nginx or direct; UPSTREAM_NAME says which upstream.
# $RESULT is what bench-load prints.
load() {
    local who=$1 port core=${CORE:-$LOAD_CORE}
    shift
    case $who in
    gateway) port=$GATEWAY_PORT ;;
    nginx) port=${NGINX_PORT[$UPSTREAM_NAME]} ;;
    direct) port=${UPSTREAM[$UPSTREAM_NAME]} ;;
    esac
    RESULT=$("${WATCH[@]}" taskset -c "$core" "$LOAD" --port "$port" --model "bench-$UPSTREAM_NAME" \
        --header "Authorization: Bearer $KEY" "$@") ||
        say "errors: $who $UPSTREAM_NAME $*: $(cut -c -260 <<<"$RESULT")"
    ERRORS=$((ERRORS + $(field errors)))
    [ "$who" != gateway ] || SENT=$((SENT + $(field started)))
}
WATCH=()

machine() {
    echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores," \
         "Linux $(uname -r), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)," \
         "load average $(cut -d' ' -f1-3 /proc/loadavg)"
}
