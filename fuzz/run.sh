#!/bin/sh
# Fuzzes the core, one target after the other: all of them, or those that are named.
#
#   fuzz/run.sh                       20 seconds each
#   fuzz/run.sh -s 600 codec          ten minutes of one
#   fuzz/run.sh -n 20000000           so many inputs each
#
# Inputs that reach something new are kept in target/fuzz/corpus, from where the next run goes on.
# Needs nothing but Rust and a C++ compiler, and installs nothing.
set -eu
cd "$(dirname "$0")"

say() { printf 'fuzz: %s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 2
}

all=$(sed -n 's/^name = "\([a-z]*\)"/\1/p' Cargo.toml)
limit=-max_total_time=20
while getopts s:n: option; do
    case $option in
        s) limit=-max_total_time=$OPTARG ;;
        n) limit=-runs=$OPTARG ;;
        *) fail "usage: fuzz/run.sh [-s SECONDS | -n INPUTS] [TARGET...]" ;;
    esac
done
shift $((OPTIND - 1))
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all

command -v cargo >/dev/null || fail "there is no cargo: see https://rustup.rs"
wanted=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
minor=$(cargo --version | sed 's/^cargo 1\.\([0-9]*\).*/\1/')
[ "$minor" -ge "$wanted" ] || fail "Rust 1.$wanted or newer is needed, this is 1.$minor: rustup update stable"
command -v "${CXX:-c++}" >/dev/null ||
    fail "libFuzzer is compiled from source and needs a C++ compiler: on Debian and Ubuntu, apt-get install g++"
cargo build --quiet --release || fail "could not build the fuzz targets: see the messages above"

work=${CARGO_TARGET_DIR:-${PWD%/*}/target/fuzz}
findings=$work/findings
mkdir -p "$findings" "$work/log"

# --- one target ----------------------------------------------------------------------------------

longest() { # input of a target, in bytes
    case $1 in
        operations | waiting) echo 192 ;;
        *) echo 1024 ;;
    esac
}

fuzz() {
    mkdir -p "$work/corpus/$1"
    set -- "$1" "$limit" -max_len="$(longest "$1")" -timeout=25 -print_final_stats=1 \
        -artifact_prefix="$findings/$1-" "$work/corpus/$1" "seeds/$1"
    [ ! -e "$1.dict" ] || set -- "$@" "-dict=$1.dict"
    target=$1
    shift
    cargo run --quiet --release --bin "$target" -- "$@" >"$work/log/$target" 2>&1
}

summary() {
    awk -v target="$1" '
        $2 == "INITED" { before = $4 }
        $2 == "DONE"   { after = $4; corpus = $8 }
        /^Done /       { inputs = $2; seconds = $5 }
        END {
            sub("/.*", "", corpus)
            printf "%-10s %11d inputs in %4d s, %7d a second; edges reached %d -> %d, inputs kept %d\n", target,
                inputs, seconds, inputs / (seconds ? seconds : 1), before, after, corpus
        }' "$work/log/$1"
}

report() {
    input=$(sed -n 's/.*Test unit written to //p' "$work/log/$1" | tail -1)
    printf '%-10s FAILED, see %s\n' "$1" "$work/log/$1"
    if [ -z "$input" ]; then
        tail -n 5 "$work/log/$1" | sed 's/^/    /'
        return
    fi
    grep -A 3 -m 1 "panicked at\|ERROR: libFuzzer" "$work/log/$1" | sed 's/^/    /'
    cat <<END
    the input         $input
    once more         (cd fuzz && cargo run --release --bin $1 -- $input)
    to keep it        cp $input fuzz/seeds/$1/<what was wrong>
                      cargo test -p larder-core    # tries every seed, and prints what it stands for
END
}

# --- all of them ---------------------------------------------------------------------------------

failed=
for target; do
    say "$target"
    fuzz "$target" || failed="$failed $target "
done
for target; do
    case $failed in
        *" $target "*) report "$target" ;;
        *) summary "$target" ;;
    esac
done
[ -z "$failed" ]
