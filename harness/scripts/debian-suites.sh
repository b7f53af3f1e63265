#!/bin/sh
# Puts QEMU of other Debian suites side by side: each into a folder of its own, by debootstrap,
# from the mirror that this machine's apt uses. Needs root for debootstrap only.
#
#   harness/scripts/debian-suites.sh FOLDER SUITE...
#   ARCHITECTURES="x86_64 aarch64 s390x" harness/scripts/debian-suites.sh FOLDER SUITE...
#   crossload verify --qemu FOLDER/qemu-bookworm --qemu FOLDER/qemu-trixie-s390x
#
# FOLDER/qemu-SUITE is a small script that runs the x86_64 binary with the libraries and modules of
# its own suite, by its own dynamic linker: no chroot, no root, and nothing else of the suite is run.
# FOLDER/qemu-SUITE-ARCHITECTURE runs that of another architecture (ARCHITECTURES, as QEMU names them;
# x86_64 alone if it is not set). What is there already is left alone; a suite that lacks a binary is
# made anew.
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^#  *//p' "$0" >&2
    exit 2
fi
folder=$1
shift
architectures=${ARCHITECTURES:-x86_64}

mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
if [ -z "$mirror" ]; then
    echo "$0: apt knows no Debian mirror: run apt-get update" >&2
    exit 1
fi

# The package of a suite that has an architecture's binary.
package() {
    case $1/$2 in
    */x86_64 | */i386) echo qemu-system-x86 ;;
    */aarch64 | */arm) echo qemu-system-arm ;;
    */ppc64 | */ppc) echo qemu-system-ppc ;;
    */mips* | */sparc*) echo "qemu-system-${2%%[1-9]*}" ;;
    # Up to bookworm they are in the package of all others.
    bullseye/* | bookworm/*) echo qemu-system-misc ;;
    */s390x) echo qemu-system-s390x ;;
    */riscv*) echo qemu-system-riscv ;;
    *) echo qemu-system-misc ;;
    esac
}

# The script's name for a binary of a suite.
script() {
    case $2 in
    x86_64) echo "$folder/qemu-$1" ;;
    *) echo "$folder/qemu-$1-$2" ;;
    esac
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
for suite in "$@"; do
    packages= lacking=
    for architecture in $architectures; do
        packages=$packages,$(package "$suite" "$architecture")
        [ -e "$(script "$suite" "$architecture")" ] || lacking=$lacking$architecture
    done
    if [ -z "$lacking" ]; then
        echo "$suite: there already"
        continue
    fi
    # A run cut short leaves a folder that is no use.
    rm -rf "${folder:?}/$suite"
    packages=$(echo "${packages#,}" | tr , '\n' | sort -u | paste -sd,)
    debootstrap --variant=minbase --include="$packages" "$suite" "$folder/$suite" "$mirror"
    # A module that the suite has not got is looked for in this machine's own folder next, and one of
    # another build ends the binary. An empty file in its place is only reported.
    modules=usr/lib/x86_64-linux-gnu/qemu
    mkdir -p "$folder/$suite/$modules"
    for module in "/$modules"/*.so; do
        here="$folder/$suite/$modules/$(basename "$module")"
        [ ! -e "$module" ] || [ -e "$here" ] || : >"$here"
    done
    for architecture in $architectures; do
        script=$(script "$suite" "$architecture")
        cat >"$script.part" <<'RUN'
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/SUITE
arch=x86_64-linux-gnu
libraries=
for part in lib usr/lib; do
    libraries=$libraries:$root/$part/$arch:$root/$part/$arch/pulseaudio
done
export QEMU_MODULE_DIR="$root/usr/lib/$arch/qemu"
exec "$root/lib/$arch/ld-linux-x86-64.so.2" --library-path "${libraries#:}" \
    "$root/usr/bin/qemu-system-ARCHITECTURE" "$@"
RUN
        sed -i "s/SUITE/$suite/; s/ARCHITECTURE/$architecture/" "$script.part"
        chmod +x "$script.part"
        "$script.part" --version
        mv "$script.part" "$script"
    done
done
