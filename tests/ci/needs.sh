# What each mode of run.sh needs, and in which packages of Debian it is. Sourced, after tools.sh, where `mode` is set.
# shellcheck shell=sh disable=SC2154,SC2317 # set by who sources it; called through want

# want 'PACKAGE...' TEST...: the packages are missing unless the test is true.
want() {
    want_packages=$1
    shift
    "$@" || missing="$missing $want_packages"
}

includes() { echo "#include <$1>" | compiles gcc c -c; }
has_locale() { has_comma_locale || has_locale_source; }
has_python_client() { /usr/bin/python3 -c 'import prometheus_client' >/dev/null 2>&1; }
has_sanitizers() { compiles_hello clang c -fsanitize=address,undefined && compiles_hello clang c -fsanitize=thread; }
has_i386() { compiles_hello gcc c -m32 || have i686-linux-gnu-gcc; }

has_cmocka() {
    compiles gcc c -lcmocka <<'END'
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
static void test_nothing(void **state) { (void)state; }
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END
}

# Sets missing, the packages that must be installed for this mode.
look_for_needs() {
    missing=
    want 'gcc libc6-dev' compiles_hello gcc c
    want g++ compiles_hello g++ c++
    want cmake have cmake
    want ninja-build have ninja
    want libcmocka-dev has_cmocka
    want libmicrohttpd-dev includes microhttpd.h
    want zlib1g-dev includes zlib.h
    want python3 have python3
    want python3-prometheus-client has_python_client
    want curl have curl
    want git have git
    want locales has_locale
    [ "$mode" != quick ] || return

    want clang compiles_hello clang c
    # The runtime is a package of its own, named after the version, or comes with clang.
    ! have clang || want "libclang-rt-$(clang -dumpversion | sed 's/[^0-9].*//')-dev" has_sanitizers
    want pkg-config have pkg-config
    want meson have meson
    want dpkg-dev have dpkg-shlibdeps
    want spin have spin
    want clang-tidy have clang-tidy
    want cppcheck have cppcheck
    want abigail-tools have abidiff
    [ "$mode" = long ] || return

    want 'valgrind libc6-dbg' have valgrind
    want gcovr have gcovr
    want lld have ld.lld
    want llvm have llvm-ar
    want musl-tools have musl-gcc
    [ "$(uname -m)" != x86_64 ] || want 'gcc-i686-linux-gnu libc6-dev-i386-cross' has_i386
    want 'gcc-s390x-linux-gnu libc6-dev-s390x-cross' have s390x-linux-gnu-gcc
    want 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross' have aarch64-linux-gnu-gcc
    want qemu-user-static have qemu-s390x-static
}
