#!/usr/bin/env bash
# Installs hone into a scratch prefix, builds examples/detect against the CMake package and against pkg-config, and runs it.
#   installed_package.sh BUILD_DIR SOURCE_DIR
set -euo pipefail
build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
cmake -G Ninja -S "$source/examples/detect" -B "$scratch/example" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$scratch/prefix" >/dev/null
cmake --build "$scratch/example"
"$scratch/prefix/bin/hone" build "$source/assets/demo/street.pt" -o "$scratch/street.engine" --level 0 -q
picture=$(ls "$source"/assets/demo/scenes/*.png | head -1)
"$scratch/example/detect" "$scratch/street.engine" "$picture" | tee "$scratch/boxes"
grep -Eq '^(car|lorry|bus|bicycle|person) 0\.[0-9]+ ' "$scratch/boxes"
pc=$(find "$scratch/prefix" -name hone.pc)
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-variable=prefix="$scratch/prefix" --cflags --libs hone)
# shellcheck disable=SC2086
g++ "$source/examples/detect/main.cc" $flags -o "$scratch/by_pkgconfig"
"$scratch/by_pkgconfig" "$scratch/street.engine" "$picture" | diff - "$scratch/boxes"
if "$scratch/example/detect" "$scratch/nowhere.engine" "$picture" 2>"$scratch/error"; then exit 1; fi
grep -q nowhere.engine "$scratch/error"
