#!/bin/sh
# Puts QEMU of other Debian suites side by side: each into a folder of its own, by debootstrap,
# from the mirror that this machine's apt uses. Needs root for debootstrap only.
#
#   harness/scripts/debian-suites.sh FOLDER SUITE...
#   crossload verify --qemu FOLDER/qemu-bookworm --qemu FOLDER/qemu-trixie
#
# FOLDER/qemu-SUITE is a small script that runs the binary with the libraries and modules of its
# own suite, by its own dynamic linker: no chroot, no root, and nothing else of the suite is run.
# A suite that is there already is left alone.
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^#  *//p' "$0" >&2
    exit 2
fi
folder=$1
shift

mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
if [ -z "$mirror" ]; then
    echo "$0: apt knows no Debian mirror: run apt-get update" >&2
    exit 1
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
for suite in "$@"; do
    if [ -e "$folder/qemu-$suite" ]; then
        echo "$suite: there already"
        continue
    fi
    # A run cut short leaves a folder that is no use.
    rm -rf "${folder:?}/$suite"
    debootstrap --variant=minbase --include=qemu-system-x86 "$suite" "$folder/$suite" "$mirror"
    cat >"$folder/.qemu-$suite" <<'RUN'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/SUITE
arch=x86_64-linux-gnu
libraries=
for part in lib usr/lib; do
    libraries=$libraries:$root/$part/$arch:$root/$part/$arch/pulseaudio
done
export QEMU_MODULE_DIR="$root/usr/lib/$arch/qemu"
exec "$root/lib/$arch/ld-linux-x86-64.so.2" --library-path "${libraries#:}" \
    "$root/usr/bin/qemu-system-x86_64" "$@"
RUN
    # A module that the suite has not got is looked for in this machine's own folder next, and one of
    # another build ends the binary. An empty file in its place is only reported.
    modules=usr/lib/x86_64-linux-gnu/qemu
    mkdir -p "$folder/$suite/$modules"
    for module in "/$modules"/*.so; do
        here="$folder/$suite/$modules/$(basename "$module")"
        [ ! -e "$module" ] || [ -e "$here" ] || : >"$here"
    done
    sed -i "s/SUITE/$suite/" "$folder/.qemu-$suite"
    chmod +x "$folder/.qemu-$suite"
    "$folder/.qemu-$suite" --version
    mv "$folder/.qemu-$suite" "$folder/qemu-$suite"
done
