// Randomness that can be replayed: xoshiro-like, from a seed that every failure prints.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace ashlar::test {

class Prng {
 public:
  explicit Prng(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return next() % bound; }
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool chance(uint64_t percent) { return below(100) < percent; }

 private:
  uint64_t state_;
};

// ASHLAR_TEST_SEED replays; otherwise `fallback`.
inline uint64_t test_seed(uint64_t fallback) {
  const char* text = std::getenv("ASHLAR_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}
// ASHLAR_TEST_SCALE: a factor on the usual length, for sanitizer builds (0.1) and soaks (10).
inline uint64_t test_scale(uint64_t usual) {
  const char* text = std::getenv("ASHLAR_TEST_SCALE");
  return text ? uint64_t(double(usual) * std::strtod(text, nullptr)) : usual;
}

}  // namespace ashlar::test
