/*
 * What a compiler is told beyond C11, where it listens: nothing depends on it but speed.
 */
#ifndef CPROM_LIB_BASE_HINTS_H
#define CPROM_LIB_BASE_HINTS_H

#if defined(__GNUC__)
/*
 * Code that is for programs only, which __PIE__ says, and who asks for it, has it simple. The rest may get into a shared
 * object that is loaded later and goes again: there is no room for it in the threads that exist. The linker turns the
 * calls that this takes into as little where it makes a program of it.
 */
#if defined(CPROM_INITIAL_EXEC) || !defined(__PIC__) || defined(__PIE__)
#define CPROM__TLS __attribute__((tls_model("initial-exec"), visibility("hidden")))
#else
#define CPROM__TLS __attribute__((tls_model("local-dynamic"), visibility("hidden")))
#endif
#define CPROM__LIKELY(x) __builtin_expect(!!(x), 1)
#define CPROM__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CPROM__PREFETCH(p) __builtin_prefetch(p)
#define CPROM__NOINLINE __attribute__((noinline))
#define CPROM__INLINE inline __attribute__((always_inline))
#define CPROM__AT_UNLOAD __attribute__((destructor(101))) /* behind those of the program or plugin */
#else
#define CPROM__TLS
#define CPROM__LIKELY(x) (x)
#define CPROM__UNLIKELY(x) (x)
#define CPROM__PREFETCH(p) ((void)(p))
#define CPROM__NOINLINE
#define CPROM__INLINE inline
#define CPROM__AT_UNLOAD inline /* is not called */
#endif

#endif
