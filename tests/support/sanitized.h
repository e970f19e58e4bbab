/* Whether a sanitizer watches this build, whichever compiler made it. */
#ifndef CPROM_TESTS_SANITIZED_H
#define CPROM_TESTS_SANITIZED_H

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define CT_THREAD_SANITIZED 1
#else
#define CT_THREAD_SANITIZED 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define CT_SANITIZED 1
#else
#define CT_SANITIZED CT_THREAD_SANITIZED
#endif

#endif
