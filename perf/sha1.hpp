// SHA-1 (FIPS 180-4) of messages that are short whole words: the random numbers of uts.cpp, and nothing secret.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir::perf {

using sha1_digest = std::array<std::uint32_t, 5>;

template <std::size_t Words>
requires(Words <= 13) sha1_digest sha1(const std::array<std::uint32_t, Words>& message)
noexcept {
  std::array<std::uint32_t, 80> w{};
  for (std::size_t i = 0; i < Words; ++i) w[i] = message[i];
  w[Words] = 0x8000'0000u;
  w[15] = static_cast<std::uint32_t>(Words * 32);
  for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

  constexpr sha1_digest start{0x6745'2301u, 0xefcd'ab89u, 0x98ba'dcfeu, 0x1032'5476u, 0xc3d2'e1f0u};
  auto [a, b, c, d, e] = start;
  const auto step = [&](std::uint32_t mixed, std::uint32_t word) {
    const std::uint32_t next = std::rotl(a, 5) + mixed + e + word;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  };
  for (std::size_t i = 0; i < 20; ++i) step(((b & c) | (~b & d)) + 0x5a82'7999u, w[i]);
  for (std::size_t i = 20; i < 40; ++i) step((b ^ c ^ d) + 0x6ed9'eba1u, w[i]);
  for (std::size_t i = 40; i < 60; ++i) step(((b & c) | (b & d) | (c & d)) + 0x8f1b'bcdcu, w[i]);
  for (std::size_t i = 60; i < 80; ++i) step((b ^ c ^ d) + 0xca62'c1d6u, w[i]);
  return {start[0] + a, start[1] + b, start[2] + c, start[3] + d, start[4] + e};
}

}  // namespace weir::perf
