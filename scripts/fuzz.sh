#!/bin/sh
# Runs every fuzzer for so many seconds. Works with stable Rust: no sanitizer.
set -eu
seconds=${1:-300}
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
cd "$(dirname "$0")/../fuzz"
for target in $(cargo fuzz list); do
    echo "== $target, $seconds s"
    cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds" -print_final_stats=0
done
