#!/usr/bin/env bash
# Builds what is handed out: the binary, man pages, completions and checksums, in dist/. Static where the musl target and
# its C compiler are installed (rustup target add x86_64-unknown-linux-musl; musl-tools), else linked to the machine's libc,
# which is said. No path of this machine stands in it.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
machine=$(uname -m)
target=$machine-unknown-linux-musl
if [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] && command -v "$machine-linux-musl-gcc" musl-gcc >/dev/null; then
    kind=static
else
    target=$machine-unknown-linux-gnu
    kind="linked to this machine's libc ($(ldd --version 2>/dev/null | sed -n '1s/.* //p'))"
fi
home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=leadrecon --remap-path-prefix=$home=cargo --remap-path-prefix=$(rustc --print sysroot)=rust"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
cargo build --release --locked --target "$target"
built=${CARGO_TARGET_DIR:-target}/$target/release/leadrecon
if grep -aqF -e "$PWD/" -e "$home/" "$built"; then
    echo "a path of this machine stands in the binary" >&2
    exit 1
fi
name=leadrecon-$version-$target
rm -rf "dist/$name"
mkdir -p "dist/$name/completions"
cp "$built" README.md CHANGELOG.md LICENSE leadrecon.example.toml "dist/$name/" 2>/dev/null || cp "$built" README.md leadrecon.example.toml "dist/$name/"
cp -r deploy "dist/$name/"
"$built" man "dist/$name/man" >/dev/null
for shell in bash zsh fish; do "$built" completions "$shell" >"dist/$name/completions/leadrecon.$shell"; done
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C dist -cf - "$name" | gzip -9n >"dist/$name.tar.gz"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256" && cat "$name.tar.gz.sha256")
echo "$name: $kind"
