// How often a stress test repeats: what takes two seconds as shipped takes ten times as long under a sanitizer.
#pragma once

namespace weir::testing {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool is_instrumented = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
inline constexpr bool is_instrumented = true;
#else
inline constexpr bool is_instrumented = false;
#endif
#else
inline constexpr bool is_instrumented = false;
#endif

/// `rounds` as shipped, a tenth of them under a sanitizer.
[[nodiscard]] constexpr int scaled(int rounds) noexcept { return is_instrumented ? (rounds + 9) / 10 : rounds; }

}  // namespace weir::testing
