# What the scripts of the tests need of a machine, and how they get it: sourced by run.sh and the scripts that it calls,
# which set `root`, the checkout. On Debian and Ubuntu, packages are installed; elsewhere it says what is missing.
# shellcheck shell=sh disable=SC2034 # variables for who sources it
unset CDPATH CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CMAKE_GENERATOR CTEST_PARALLEL_LEVEL LANGUAGE
LC_ALL=C
export LC_ALL
build=${root:?}/build
mkdir -p "$build/tools" || exit 1
apt_log=$build/apt.log
# Where programs lie that are unpacked and not installed, and a locale of the tests' own.
case :$PATH: in
    *":$build/tools:"*) ;;
    *) PATH=$PATH:$build/tools ;;
esac
export PATH
if [ -x "$build/tools/newer/prometheus" ]; then
    CPROM_OTHER_PROMETHEUS=$build/tools/newer/prometheus
    export CPROM_OTHER_PROMETHEUS
fi

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! have sudo; then
        echo "not root, and no sudo: cannot run $*"
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_update() {
    have apt-get || return 1
    [ -e "$scratch/updated" ] && return
    : >"$scratch/updated"
    echo 'apt-get update'
    as_root apt-get update -q >"$apt_log" 2>&1 </dev/null || echo "  it failed, see $apt_log"
}

# What is installed stays: compilers for other machines cannot be had beside gcc-multilib.
apt_get_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
        -o DPkg::Lock::Timeout=300 "$@" >>"$apt_log" 2>&1 </dev/null
}

# install_packages PACKAGE...: all at once; if that fails, as many as there are.
install_packages() {
    if ! apt_update; then
        echo "missing, and no apt-get to install it: $*"
        return 1
    fi
    echo "apt-get install $*"
    apt_get_install "$@" && return
    install_result=0
    for install_one in "$@"; do
        apt_get_install "$install_one" && continue
        echo "  $install_one cannot be installed, see $apt_log"
        install_result=1
    done
    return "$install_result"
}

# need 'PACKAGE...' COMMAND...: installs the packages unless all the commands are there. If one is missing still,
# it is false and sets need_missing.
need() {
    need_packages=$1
    shift
    for need_command in "$@"; do
        have "$need_command" && continue
        # shellcheck disable=SC2086 # a list of package names
        install_packages $need_packages
        break
    done
    for need_command in "$@"; do
        have "$need_command" && continue
        need_missing="$need_command is missing (packages: $need_packages), see $apt_log"
        return 1
    done
}

# need_server PACKAGE PROGRAM...: the programs of a package that nobody wants to have started, now or at the next boot: it is
# unpacked under build/tools, and not installed.
need_server() {
    server_package=$1
    shift
    for server_program in "$@"; do
        have "$server_program" && continue
        have dpkg-deb && apt_update || return 1
        echo "apt-get download $server_package"
        rm -rf "$scratch/deb" && mkdir "$scratch/deb"
        (cd "$scratch/deb" && apt-get download -q "$server_package" && dpkg-deb -x "$server_package"_*.deb tree) \
            >>"$apt_log" 2>&1 </dev/null || return 1
        (cd "$scratch/deb/tree/usr/bin" && cp "$@" "$build/tools") || return 1
        "$server_program" --version >/dev/null 2>&1 || return 1
        break
    done
}

# need_newer_prometheus: that of Debian's next release, unpacked as build/tools/newer/prometheus, where the machine has Debian's
# own sources. It comes with lists of its own, so that nothing changes in the machine's.
need_newer_prometheus() {
    newer_work=$build/newer newer_keys=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -n "${CPROM_OTHER_PROMETHEUS-}" ] && return
    newer_mirror=$(sed -n 's,^URIs: *\([^ ]*/debian/*\)$,\1,p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
    [ -n "$newer_mirror" ] && [ -e "$newer_keys" ] && have dpkg-deb || return 1
    rm -rf "$newer_work" && mkdir -p "$newer_work/lists/partial" "$newer_work/cache/archives/partial" "$build/tools/newer"
    echo "deb [signed-by=$newer_keys] $newer_mirror testing main" >"$newer_work/sources.list"
    : >"$newer_work/status"
    newer_get() {
        apt-get -q -o "Dir::Etc::sourcelist=$newer_work/sources.list" -o Dir::Etc::sourceparts=- \
            -o "Dir::State::lists=$newer_work/lists" -o "Dir::State::status=$newer_work/status" \
            -o "Dir::Cache=$newer_work/cache" "$@" >>"$apt_log" 2>&1 </dev/null
    }
    echo 'apt-get download prometheus, of the next release'
    newer_get update
    (cd "$newer_work" && newer_get download prometheus && dpkg-deb -x prometheus_*.deb tree &&
        tree/usr/bin/prometheus --version && mv tree/usr/bin/prometheus "$build/tools/newer/prometheus") >>"$apt_log" 2>&1 || return 1
    rm -rf "$newer_work"
    CPROM_OTHER_PROMETHEUS=$build/tools/newer/prometheus
    export CPROM_OTHER_PROMETHEUS
}

# compiles COMPILER LANGUAGE [FLAG...] <source: makes $scratch/probe
compiles() {
    compiles_with=$1 compiles_language=$2
    shift 2
    rm -f "$scratch/probe"
    have "$compiles_with" &&
        "$compiles_with" -x "$compiles_language" - "$@" -o "$scratch/probe" >"$scratch/why" 2>&1
}

# compiles_hello COMPILER LANGUAGE [FLAG...]
compiles_hello() {
    echo 'int main(void) { return 0; }' | compiles "$@"
}

# cmocka's source: one file, which any compiler makes a library of. It comes from the distribution, with lists of its own,
# so that nothing changes in the machine's. Sets cmocka_source.
need_cmocka_source() {
    cmocka_work=$build/cmocka
    for cmocka_source in "$cmocka_work"/cmocka-*/src/cmocka.c; do [ -e "$cmocka_source" ] && return; done
    have apt-get && need dpkg-dev dpkg-source || return 1
    mkdir -p "$cmocka_work/lists/partial" "$cmocka_work/cache/archives/partial" "$cmocka_work/sources"
    for cmocka_list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        case $cmocka_list in
            *.sources) sed 's/^Types:.*/Types: deb-src/' "$cmocka_list" ;;
            *.list) sed -n 's/^deb /deb-src /p' "$cmocka_list" ;;
        esac >"$cmocka_work/sources/$(basename "$cmocka_list")" 2>/dev/null
    done
    cmocka_get() {
        apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$cmocka_work/sources" \
            -o "Dir::State::lists=$cmocka_work/lists" -o "Dir::Cache=$cmocka_work/cache" "$@" >>"$apt_log" 2>&1 </dev/null
    }
    echo 'apt-get source cmocka'
    cmocka_get update
    (cd "$cmocka_work" && cmocka_get source --download-only cmocka && rm -f cmocka_*.asc && tar xf cmocka_*.orig.tar.*)
    for cmocka_source in "$cmocka_work"/cmocka-*/src/cmocka.c; do [ -e "$cmocka_source" ] && return; done
    return 1
}

# A locale whose decimal point is a comma: the machine's, or one of the tests' own under build/.
has_comma_locale() { [ "$(LC_ALL=de_DE.UTF-8 locale decimal_point 2>/dev/null)" = , ]; }
has_locale_source() { have localedef && [ -e /usr/share/i18n/locales/de_DE ]; }
if ! has_comma_locale && [ -e "$build/locale/de_DE.UTF-8/LC_NUMERIC" ]; then
    LOCPATH=$build/locale
    export LOCPATH
fi
