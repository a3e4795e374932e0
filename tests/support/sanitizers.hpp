// Which sanitizer this program is built with: g++ and clang each say it in their own way.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_WITH_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define WEIR_WITH_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__) && !defined(WEIR_WITH_TSAN)
#define WEIR_WITH_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WEIR_WITH_ASAN)
#define WEIR_WITH_ASAN 1
#endif

#ifndef WEIR_WITH_TSAN
#define WEIR_WITH_TSAN 0
#endif
#ifndef WEIR_WITH_ASAN
#define WEIR_WITH_ASAN 0
#endif
