// As much JSON as golden files need: objects, arrays, strings without escapes, whole numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"

namespace ashlar::test {

class Json {
 public:
  static Json parse(const std::string& text) {
    size_t at = 0;
    return value(text, at);
  }

  const Json& operator[](const std::string& key) const { return members_.at(key); }
  const Json& operator[](const char* key) const { return members_.at(key); }
  const Json& operator[](int index) const { return items_.at(size_t(index)); }
  const std::vector<Json>& items() const { return items_; }
  const std::string& text() const { return text_; }
  uint64_t number() const { return number_; }

 private:
  static void skip(const std::string& text, size_t& at) {
    while (at < text.size() && std::string(" \n\r\t,:").find(text[at]) != std::string::npos)
      at++;
    CHECK(at < text.size());
  }
  static std::string quoted(const std::string& text, size_t& at) {
    const size_t end = text.find('"', at + 1);
    CHECK(end != std::string::npos);
    const std::string found = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return found;
  }
  static Json value(const std::string& text, size_t& at) {
    skip(text, at);
    Json json;
    if (text[at] == '{') {
      at++;
      for (skip(text, at); text[at] != '}'; skip(text, at)) {
        const std::string key = quoted(text, at);
        json.members_[key] = value(text, at);
      }
      at++;
    } else if (text[at] == '[') {
      at++;
      for (skip(text, at); text[at] != ']'; skip(text, at))
        json.items_.push_back(value(text, at));
      at++;
    } else if (text[at] == '"') {
      json.text_ = quoted(text, at);
    } else {
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++) {
        json.number_ = json.number_ * 10 + uint64_t(text[at] - '0');
      }
    }
    return json;
  }

  std::map<std::string, Json> members_;
  std::vector<Json> items_;
  std::string text_;
  uint64_t number_ = 0;
};

}  // namespace ashlar::test
