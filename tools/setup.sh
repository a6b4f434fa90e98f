# Installs what is missing; sourced by ./run and ./test. Debian 12 packages; nothing else is fetched.
#   hone_setup run|test
hone_setup() {
  local packages=(cmake ninja-build g++ pkg-config ccache zlib1g-dev libflatbuffers-dev flatbuffers-compiler libxxhash-dev
    libprotobuf-dev protobuf-compiler libfmt-dev libspdlog-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev
    libdeflate-dev libjbig-dev liblerc-dev liblzma-dev libzstd-dev libcli11-dev nlohmann-json3-dev libstb-dev libdnnl2
    fonts-dejavu-core)
  if [ "$1" = test ]; then packages+=(libgtest-dev libgmock-dev python3 python3-pip g++-aarch64-linux-gnu); fi
  local missing=() name
  for name in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing ${missing[*]}" >&2
  local as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# hone_configure PRESET BINARY_DIR [-D…]: once; later builds only build. ccache is used where it is installed.
hone_configure() {
  local preset=$1 dir=$2
  shift 2
  [ -f "$dir/build.ninja" ] && [ -z "$*" ] && return 0
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake --preset "$preset" "${launcher[@]}" "$@" >&2
}

# hone_nvrtc FOLDER: NVIDIA's run-time compiler from PyPI, both major versions, for the tests that compile CUDA kernels. What
# cannot be fetched is left out with a line, and its tests are skipped.
hone_nvrtc() {
  local folder=$1 wanted
  for wanted in 12:nvidia-cuda-nvrtc-cu12==12.9.86 13:nvidia-cuda-nvrtc==13.0.88; do
    local target=$folder/${wanted%%:*} package=${wanted#*:}
    [ -e "$target/complete" ] && continue
    rm -rf "$target"
    echo "fetching $package" >&2
    if python3 -m pip install -q --disable-pip-version-check --no-deps --only-binary=:all: --target "$target" "$package" >&2
    then touch "$target/complete"
    else echo "no $package: kernels are not compiled with it" >&2
    fi
  done
}
