// Golden bytes: test/golden/<file> has one "name hex" a line. A difference means that what exists
// can no longer be read. The file is written anew, on purpose, with ASHLAR_WRITE_GOLDEN=1.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace ashlar::test {

inline std::string hex_of_bytes(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}
template <typename T>
std::string hex_of(const T& value) {
  return hex_of_bytes(Bytes(reinterpret_cast<const uint8_t*>(&value), sizeof value));
}
inline std::vector<uint8_t> bytes_of_hex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(uint8_t(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16)));
  return bytes;
}

using Golden = std::map<std::string, std::string>;

inline Golden read_golden(const std::string& file_name) {
  const std::string path = ASHLAR_SOURCE_DIR "/test/golden/" + file_name;
  Golden golden;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  for (std::string name, hex; file >> name >> hex;)
    golden[name] = hex;
  return golden;
}

inline void expect_golden(const std::string& file_name, const Golden& examples) {
  if (std::getenv("ASHLAR_WRITE_GOLDEN")) {
    std::ofstream file(ASHLAR_SOURCE_DIR "/test/golden/" + file_name);
    for (const auto& [name, hex] : examples)
      file << name << ' ' << hex << '\n';
  }
  EXPECT_EQ(examples, read_golden(file_name));
}

}  // namespace ashlar::test
